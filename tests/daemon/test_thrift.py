"""Whether keeping a context pays, what bounds it, and what is remembered of it. Nothing is started."""

import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.core.model import ProfileId
from paddock.daemon.instances.context_folders import RamFolders
from paddock.daemon.instances.experience import Experience
from paddock.daemon.instances.load_report import LoadReport
from paddock.daemon.instances.records import Record
from paddock.daemon.instances.thrift import Thrift, Weighing
from paddock.host.memory import read_memory
from paddock.llama.slots import Chosen, Moved, Reused, parse_reuse

GB = 10**9


class Speeds:
    def __init__(self, speed: float | None) -> None:
        self.speed = speed

    def prompt_speed(self, _: ProfileId) -> float | None:
        return self.speed


RECORD = Record(
    instance="alpha.1", number=1, profile="alpha", fingerprint="f", argv=[], engine="native",
    engine_version="b1", socket="", size_mib=1, created="", stop_timeout=1.0,
    context_kind="flags b1", architecture="llama",
)  # fmt: skip


def thrift(
    folder: Path,
    speed: float | None,
    *,
    is_asked_for: bool = False,
    experience: Experience | None = None,
    **known: str,
) -> Thrift:
    return Thrift(
        experience or Experience(folder / "contexts.json"),
        Speeds(speed),
        record=msgspec.structs.replace(RECORD, **known),
        place="ram",
        is_asked_for=is_asked_for,
    )


def test_it_pays_where_reading_again_takes_longer(tmp_path: Path):
    """An 8B model on an H200: 4.2 GB of 32,000 tokens are written in 1.44 s and read in 1.36 s."""
    noted = Experience(tmp_path / "contexts.json")
    slow = thrift(tmp_path, 2_000.0, experience=noted)
    slow.note_saved(Moved(32_000, round(4.2 * GB), 1.44))
    slow.note_restored(Moved(32_000, round(4.2 * GB), 1.36))
    weighing = slow.weigh(32_000, LoadReport())
    assert (round(weighing.save, 2), round(weighing.restore, 2)) == (1.44, 1.36)
    assert weighing.is_measured
    assert slow.is_worth(weighing)
    noted.close()
    fast = thrift(tmp_path, 20_000.0)  # it reads what the other has noted
    assert not fast.is_worth(fast.weigh(32_000, LoadReport()))


def test_a_first_guess_is_called_one(tmp_path: Path):
    weighing = thrift(tmp_path, None).weigh(10_000, LoadReport())
    assert not weighing.is_measured
    assert "first guess" in str(weighing)


def test_a_few_tokens_are_never_worth_it(tmp_path: Path):
    judge = thrift(tmp_path, 1.0, is_asked_for=True)
    assert not judge.is_worth(judge.weigh(511, LoadReport()))


def test_who_asks_for_it_gets_it_whether_it_pays_or_not(tmp_path: Path):
    judge = thrift(tmp_path, 1e9, is_asked_for=True)
    assert judge.is_worth(judge.weigh(1_000, LoadReport()))


def test_two_tries_in_vain_end_it_for_that_kind_alone(tmp_path: Path):
    noted = Experience(tmp_path / "contexts.json")
    judge = thrift(tmp_path, 1.0, experience=noted)
    judge.note_reused(expected=1_000, reused=0, restore_seconds=0.0)
    assert not judge.is_futile, "a hybrid may have been asked for something else"
    judge.note_reused(expected=1_000, reused=10, restore_seconds=0.0)
    noted.close()
    assert thrift(tmp_path, 1.0).is_futile
    assert not thrift(tmp_path, 1.0, is_asked_for=True).is_futile
    assert not thrift(tmp_path, 1.0, context_kind="flags b2").is_futile
    assert not thrift(tmp_path, 1.0, architecture="mamba").is_futile


def test_one_try_that_brought_something_keeps_it(tmp_path: Path):
    judge = thrift(tmp_path, 1.0)
    for reused in (0, 900, 0):
        judge.note_reused(expected=1_000, reused=reused, restore_seconds=0.0)
    assert not judge.is_futile


def test_what_was_remembered_wrongly_counts_as_nothing(tmp_path: Path):
    (tmp_path / "contexts.json").write_text('{"kinds": 1}')
    assert not thrift(tmp_path, 1.0).is_futile


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        (
            "0.00.168.457 I slot get_availabl: id  3 | task -1 | selected slot by LCP similarity, "
            "f_sim_best = 0.951 (> 0.100 thold), f_keep = 0.996",
            Chosen(3, 0.996),
        ),
        ("0.0 I slot get_availabl: id  0 | task -1 | selected slot by LRU, t_last = 7", None),
        (
            "0.00.168.564 I slot   operator(): id  0 | task 1 | cached n_tokens = 819, "
            "memory_seq_rm [819, end)",
            Reused(0, 819, 1),
        ),
        ("0.0 I slot      release: id  0 | task 1 | stop processing: n_tokens = 1", None),
    ],
)
def test_the_log_says_what_a_prompt_has_of_a_slot(line: str, meaning: Chosen | Reused | None):
    assert parse_reuse(line) == meaning


# ---- how much lies in RAM ----


def kept(folders: RamFolders, name: str, mib: int, age: int) -> Path:
    folder = folders.root / name
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "slot-0.bin"
    file.write_bytes(bytes(mib << 20))
    os.utime(file, (age, age))
    return file


async def test_what_was_saved_longest_ago_makes_room(tmp_path: Path):
    folders = RamFolders(tmp_path, limit=5, margin=0)
    old, new = kept(folders, "old", 2, 1), kept(folders, "new", 2, 2)
    assert await folders.make_room(tmp_path / "mine", 2 << 20)
    assert (old.exists(), new.exists()) == (False, True)


async def test_what_is_larger_than_all_may_be_pushes_nobody_out(tmp_path: Path):
    folders = RamFolders(tmp_path, limit=5, margin=0)
    old = kept(folders, "old", 2, 1)
    assert not await folders.make_room(tmp_path / "mine", 6 << 20)
    assert old.exists()


@pytest.mark.parametrize(
    ("mib", "has_room", "left"),
    [(4, True, "own other"), (5, True, "other"), (7, True, ""), (9, False, "own other")],
)
async def test_what_cannot_lie_beside_the_file_it_replaces_takes_its_place(
    tmp_path: Path, mib: int, *, has_room: bool, left: str
):
    folders = RamFolders(tmp_path, limit=8, margin=0)
    files = {"own": kept(folders, "mine", 4 if mib == 4 else 5, 2)}
    files["other"] = kept(folders, "other", 0 if mib == 4 else 2, 1)
    made = await folders.make_room(files["own"].parent, mib << 20, replaces=files["own"])
    assert made == has_room
    assert " ".join(name for name, file in files.items() if file.exists()) == left


async def test_a_model_that_needs_the_ram_gets_it_and_keeps_its_own_context(tmp_path: Path):
    free = read_memory().available_mib
    assert free
    folders = RamFolders(tmp_path, limit=50, margin=0)
    old, own, new = (kept(folders, name, 2, age) for age, name in enumerate(("a", "own", "b")))
    assert folders.taken_mib == 6
    await folders.leave_ram(free // 2, but=own.parent)
    assert old.exists()
    await folders.leave_ram(free * 2, but=own.parent)
    assert [file.exists() for file in (old, own, new)] == [False, True, False]


async def test_nothing_is_kept_where_ram_is_short(tmp_path: Path):
    folders = RamFolders(tmp_path, limit=5, margin=1 << 40)
    old = kept(folders, "old", 2, 1)
    await folders.trim()
    assert not old.exists()
    assert not await folders.make_room(tmp_path / "mine", 1)


@given(
    tokens=st.integers(1, 100_000),
    kept=st.integers(0, 120_000),
    save=st.floats(0, 60),
    restore=st.floats(0, 60),
    reread=st.floats(0, 600),
)
def test_what_is_kept_already_makes_a_save_pay_less(
    tokens: int, kept: int, save: float, restore: float, reread: float
):
    weighing = Weighing(tokens, 1, save, restore, reread, is_measured=True)
    assert weighing.pays_beside(0) == weighing.pays
    if weighing.pays_beside(kept):
        assert weighing.pays
        assert weighing.pays_beside(kept // 2)
        assert reread * (1 - min(kept, tokens) / tokens) > save
    assert not weighing.pays_beside(tokens)
