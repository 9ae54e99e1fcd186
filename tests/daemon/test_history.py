"""Loads that were, in a real database."""

import asyncio
import logging
import random
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.api.placement import Buffer, LoadEntry, Placement, Reason, Verdict
from paddock.cli.offline.kept_speeds import kept_speeds
from paddock.daemon.history.store import HistoryStore

AT = "2026-11-24T00:00:00Z"
# As the first version made it, and as it wrote.
VERSION_1 = """
CREATE TABLE IF NOT EXISTS loads (
    id INTEGER PRIMARY KEY,
    profile TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    engine TEXT NOT NULL,
    ended_at TEXT NOT NULL,
    seconds REAL NOT NULL,
    outcome TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS loads_by_profile ON loads (profile, id);
PRAGMA user_version = 1;
"""
ROWS_1 = [
    ("alpha", "f1", "b11434", AT, 3.5, "ready"),
    ("beta", "f2", "b11434", AT, 1.5, "failed"),
    ("alpha", "f1", "b11500", AT, 2.5, "ready"),
]


@asynccontextmanager
async def opened(path: Path, **kept: int) -> AsyncIterator[HistoryStore]:
    history = await HistoryStore.open(path, **kept)
    try:
        yield history
    finally:
        await history.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"


@pytest.fixture
async def history(path: Path) -> AsyncIterator[HistoryStore]:
    async with opened(path) as history:
        yield history


def load(profile: str = "alpha", seconds: float = 1.0, **fields: Any) -> LoadEntry:
    usual = {"instance": f"{profile}.1", "fingerprint": "f", "engine": "native", "outcome": "ready"}
    usual |= {"engine_version": "b1", "devices": "CUDA 13", "ended_at": AT}
    return LoadEntry(profile=profile, seconds=seconds, **usual | fields)


async def tell(
    history: HistoryStore, number: int, generation: float | None, prompt: float | None = None
) -> None:
    await history.add_speed(
        number,
        at=AT,
        prompt=prompt,
        generation=generation,
        prompt_tokens=10,
        generated_tokens=20,
        source="traffic",
    )


async def ids(history: HistoryStore, profile: str = "alpha", limit: int = 50) -> list[int]:
    return [entry.id for entry in await history.loads(profile, limit=limit)]


def raw(path: Path, query: str) -> list[Any]:
    """What another program reads of the file."""
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def make(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(script)


# ---- what is remembered ----


async def test_a_new_one_knows_nothing(history: HistoryStore):
    assert await history.last_loads() == {}
    assert await history.loads("alpha") == []
    assert await history.last_ready("alpha") is None


async def test_the_last_load_that_succeeded_counts(history: HistoryStore):
    await history.add_load(load("alpha", 3.0))
    await history.add_load(load("alpha", 2.0))
    await history.add_load(load("alpha", 0.1, outcome="failed"))
    await history.add_load(load("beta", 0.2, outcome="cancelled"))
    assert await history.last_loads() == {"alpha": 2.0}
    last = await history.last_ready("alpha")
    assert last is not None
    assert last.seconds == 2.0
    earlier = await history.last_ready("alpha", before=last.id)
    assert earlier is not None
    assert earlier.seconds == 3.0
    assert await history.last_ready("alpha", before=earlier.id) is None


async def test_it_outlives_its_daemon_and_is_private(path: Path):
    async with opened(path) as history:
        await history.add_load(load("a 'quoted\"; name", 1.5))
        files = sorted(path.parent.iterdir())  # the log beside it holds the same names
        assert len(files) > 1
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert path.stat().st_mode & 0o777 == 0o600
    async with opened(path) as history:
        assert await history.last_loads() == {"a 'quoted\"; name": 1.5}


async def test_an_entry_comes_back_as_it_was_given(history: HistoryStore):
    entry = load(
        cause="out of memory",
        placement=Placement(
            buffers=[Buffer(device="CUDA0", kind="model", mib=123.45)], layers=33, graph_splits=2
        ),
        verdict=Verdict(state="degraded", reasons=[Reason(code="slow", message="it is slow")]),
    )
    entry.id = await history.add_load(entry)
    assert await history.loads("alpha") == [entry]


async def test_what_is_known_only_later_is_added_later(history: HistoryStore):
    placement, verdict = Placement(n_ctx=4096), Verdict(state="verified", generation=41.5)
    number = await history.add_load(load())
    await history.set_placement(number, placement)
    await history.set_verdict(number, Verdict(state="unknown"))
    await history.set_verdict(number, verdict)
    [entry] = await history.loads("alpha")
    assert (entry.placement, entry.verdict) == (placement, verdict)


async def test_a_note_that_another_version_wrote_otherwise_is_left_out(
    history: HistoryStore, path: Path
):
    await history.add_load(load(placement=Placement(n_ctx=4096)))
    make(path, """UPDATE loads SET verdict = '{"state": "splendid"}'""")
    [entry] = await history.loads("alpha")
    assert (entry.placement, entry.verdict) == (Placement(n_ctx=4096), None)


async def test_loads_come_newest_first_and_no_more_than_asked_for(history: HistoryStore):
    for profile in ("alpha", "beta", "alpha", "alpha"):
        await history.add_load(load(profile))
    assert await ids(history) == [4, 3, 1]
    assert await ids(history, limit=2) == [4, 3]


async def test_what_is_asked_for_at_once_is_written_in_that_order(history: HistoryStore):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(history.add_load(load(seconds=n))) for n in range(50)]
    assert [task.result() for task in tasks] == list(range(1, 51))
    assert [entry.seconds for entry in await history.loads("alpha")] == list(range(49, -1, -1))


# ---- speeds ----


async def test_a_load_has_the_medians_of_its_own_speeds(history: HistoryStore):
    first = await history.add_load(load())
    second = await history.add_load(load())
    third = await history.add_load(load())
    for generation in (40.0, 10.0, 42.0):
        await tell(history, first, generation)
    await tell(history, second, 30.0, prompt=500.0)
    await tell(history, second, None, prompt=600.0)
    found = {entry.id: entry for entry in await history.loads("alpha")}
    assert (found[first].generation, found[first].prompt, found[first].samples) == (40.0, None, 3)
    assert (found[second].generation, found[second].prompt) == (30.0, 550.0)
    assert (found[third].generation, found[third].samples) == (None, 0)


async def test_without_a_daemon_a_pull_reads_the_speeds_of_the_newest_measured_loads(path: Path):
    """From the file alone, also while a daemon has it open; a file that is none says nothing."""
    assert kept_speeds(path.parent) == {}
    async with opened(path) as history:
        old = await history.add_load(load())
        new = await history.add_load(load())
        other = await history.add_load(load("beta"))
        await history.add_load(load())  # not measured
        for number, generation in (
            (old, 90.0),
            (new, 40.0),
            (new, None),
            (new, 44.0),
            (other, 7.0),
        ):
            await tell(history, number, generation)
        assert kept_speeds(path.parent) == {"alpha": 42.0, "beta": 7.0}
    assert kept_speeds(path.parent) == {"alpha": 42.0, "beta": 7.0}
    path.write_bytes(b"no database")
    assert kept_speeds(path.parent) == {}


speeds = st.one_of(st.none(), st.floats(0.01, 1e5))


@settings(max_examples=25, deadline=None)  # each writes a file
@given(measured=st.lists(st.tuples(st.integers(1, 3), speeds, speeds), max_size=40))
def test_medians_and_bounds_hold_whatever_is_measured(
    measured: list[tuple[int, float | None, float | None]],
) -> None:
    async def check(path: Path) -> None:
        async with opened(path, speeds=7) as history:
            for _ in range(3):
                await history.add_load(load())
            for number, generation, prompt in measured:
                await tell(history, number, generation, prompt)
            for entry in await history.loads("alpha"):
                kept = [(g, p) for number, g, p in measured if number == entry.id][-7:]
                assert entry.samples == len(kept)
                assert entry.generation == middle([g for g, _ in kept])
                assert entry.prompt == middle([p for _, p in kept])

    with TemporaryDirectory() as folder:
        asyncio.run(check(Path(folder) / "history.sqlite"))


def middle(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


# ---- bounds ----


async def test_the_oldest_loads_are_forgotten_with_their_speeds(path: Path):
    async with opened(path, loads=10, speeds=5) as history:
        dice = random.Random(1)
        for n in range(1, 101):
            assert await history.add_load(load(dice.choice(("alpha", "beta")))) == n
            for _ in range(dice.randrange(8)):
                await tell(history, dice.randint(max(n - 12, 1), n), 1.0)
            kept = [row[0] for row in raw(path, "SELECT id FROM loads ORDER BY id")]
            assert kept == list(range(max(n - 9, 1), n + 1))
            counted = raw(path, "SELECT load, count(*) FROM speeds GROUP BY load")
            assert all(load in kept and count <= 5 for load, count in counted)


async def test_a_speed_of_a_load_that_is_forgotten_is_no_error(path: Path):
    async with opened(path, loads=1) as history:
        first = await history.add_load(load())
        await history.add_load(load())
        await tell(history, first, 1.0)
        await history.set_verdict(
            first,
            Verdict(
                state="unknown",
            ),
        )
        await history.set_placement(first, Placement())
        assert await ids(history) == [2]
    assert raw(path, "SELECT count(*) FROM speeds") == [(0,)]


# ---- what can be compared ----


async def test_loads_under_the_same_conditions_are_comparable(history: HistoryStore):
    for change in (
        {},
        {"profile": "beta"},
        {"fingerprint": "g"},
        {"engine_version": "b2"},
        {"devices": "CUDA 14"},
        {"outcome": "failed"},
        {"seconds": 9.0},
        {},
    ):
        await history.add_load(load(**change))
    same = ("alpha", "f", "b1", "CUDA 13")
    assert [entry.id for entry in await history.comparable(*same)] == [8, 7, 1]
    assert [entry.id for entry in await history.comparable(*same, before=8)] == [7, 1]
    assert [entry.id for entry in await history.comparable(*same, before=8, limit=1)] == [7]
    assert await history.comparable("alpha", "f", "b1", "CUDA 15") == []


# ---- files of other versions, and no files of ours ----


async def test_a_history_of_version_1_is_taken_over(path: Path):
    make(path, VERSION_1)
    with closing(sqlite3.connect(path)) as database, database:
        columns = "(profile, fingerprint, engine, ended_at, seconds, outcome)"
        database.executemany(f"INSERT INTO loads {columns} VALUES (?, ?, ?, ?, ?, ?)", ROWS_1)
    path.chmod(0o644)
    async with opened(path) as history:
        assert await history.last_loads() == {"alpha": 2.5}
        newest, oldest = await history.loads("alpha")
        assert newest == LoadEntry(
            id=3,
            instance="",
            profile="alpha",
            fingerprint="f1",
            engine_version="b11500",
            ended_at=AT,
            seconds=2.5,
            outcome="ready",
        )
        assert (oldest.id, oldest.engine_version) == (1, "b11434")
        assert await history.add_load(load()) == 4
        await tell(history, 3, 12.5)
    assert path.stat().st_mode & 0o777 == 0o600
    async with opened(path) as history:  # it is of today's version now
        assert await ids(history) == [4, 3, 1]
    assert raw(path, "PRAGMA user_version") == [(2,)]
    assert raw(path, "SELECT name FROM sqlite_master WHERE name LIKE '%loads_1%'") == []
    assert [file.name for file in path.parent.iterdir()] == ["history.sqlite"]


async def test_a_history_of_a_later_version_is_kept_and_a_new_one_begun(
    path: Path, caplog: pytest.LogCaptureFixture
):
    for text in ("first", "second"):
        make(path, f"CREATE TABLE later (x); INSERT INTO later VALUES ('{text}')")
        make(path, "PRAGMA user_version = 3")
        before = path.read_bytes()
        async with opened(path) as history:
            assert await history.add_load(load()) == 1
        kept = {file: file.read_bytes() for file in path.parent.iterdir()}
        assert before in kept.values()
        path.unlink()
    aside = path.with_name("history-of-version-3.sqlite")
    again = path.with_name("history-of-version-3-2.sqlite")
    assert raw(aside, "SELECT x FROM later") == [("first",)]
    assert raw(again, "SELECT x FROM later") == [("second",)]
    [warned, _] = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert "is of version 3 (this Paddock knows 2)" in warned.getMessage()
    assert aside.name in warned.getMessage()


def text(path: Path) -> None:
    path.write_bytes(b"This is no database at all.\n" * 100)


def cut_off(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0" + b"\x10\x00")


def damaged(path: Path) -> None:
    """All but the first page, which has the version, is overwritten."""
    many = "".join(f"INSERT INTO loads VALUES {(n, *ROWS_1[0])};" for n in range(1, 200))
    make(path, f"{VERSION_1} BEGIN; {many} COMMIT;")
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))


@pytest.mark.parametrize("spoil", [text, cut_off, damaged])
async def test_a_file_that_is_no_history_is_kept_and_a_new_one_begun(
    path: Path, caplog: pytest.LogCaptureFixture, spoil: Callable[[Path], None]
):
    spoil(path)
    content = path.read_bytes()
    journal = path.with_name("history.sqlite-journal")
    journal.write_bytes(b"not to be read into the new file")
    async with opened(path) as history:
        assert await history.add_load(load()) == 1
    async with opened(path) as history:
        assert await ids(history) == [1]
    [aside] = [f for f in path.parent.iterdir() if f.read_bytes() == content]
    assert aside.name in ("history-unreadable.sqlite", "history-damaged.sqlite")
    assert aside.name in caplog.text
    assert not journal.exists()


async def test_another_programs_database_is_kept_as_it_was(path: Path):
    make(path, "CREATE TABLE loads (weight); INSERT INTO loads VALUES (7)")
    before = path.read_bytes()
    async with opened(path) as history:
        assert await history.loads("alpha") == []
    aside = path.with_name("history-unreadable.sqlite")
    assert aside.read_bytes() == before


async def test_a_step_that_fails_has_changed_nothing(path: Path):
    make(path, VERSION_1 + "CREATE TABLE speeds (x);")  # in the way of the new one
    async with opened(path) as history:
        assert await history.loads("alpha") == []
    aside = path.with_name("history-unreadable.sqlite")
    assert raw(aside, "PRAGMA user_version") == [(1,)]
    assert raw(aside, "SELECT count(*) FROM loads") == [(0,)]


async def test_what_is_no_fault_of_the_file_is_an_error(path: Path):
    path.mkdir()
    with pytest.raises(OSError, match=r"history\.sqlite"):
        await HistoryStore.open(path)
