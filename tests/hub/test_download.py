"""A file comes whole or not at all: cut, stopped, lied about, on a full disk, and fetched by two at once."""

import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from paddock.cli.offline.pulling import rate_within
from paddock.config.settings import Settings
from paddock.errors import PaddockError
from paddock.hub.budget import Disk, TransferPace
from paddock.hub.checking import Follower, hash_of
from paddock.hub.download import FileSink, Patience
from paddock.hub.refusals import (
    HubContradicts,
    HubUnreachable,
    Interrupted,
    InTheWay,
    NoDiskSpace,
    NotOnHub,
)
from paddock.hub.repository import HubFile
from tests.hub.fake_hub import digest
from tests.hub.stage import HASTY, Stage

FILE = "Parrot-Q4_K_M.gguf"


@pytest.fixture(params=["models", "cache"])
def either(request: pytest.FixtureRequest, stage: Stage) -> Stage:
    """Into the models folder, and into the hub's cache."""
    stage.into = request.param
    return stage


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pieces, and a library that does not wait for a second between its own tries."""
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 16 << 10)
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)


class Dies(BaseException):
    """As if the process had been killed just there."""


@contextmanager
def dying_after(count: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever writes more than so many bytes dies with them half written."""
    write = FileSink.write

    def until(sink: FileSink, piece: bytes) -> int:
        nonlocal count
        if len(piece) > count:
            write(sink, piece[:count])
            raise Dies
        count -= len(piece)
        return write(sink, piece)

    with monkeypatch.context() as patch:
        patch.setattr(FileSink, "write", until)
        yield


# ---- interrupted ----


@pytest.mark.usefixtures("quick")
def test_ended_at_two_hundred_random_bytes_it_resumes_to_the_same_hash(
    stage: Stage, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time by a new transfer, which has nothing but what lies on the disk: 8 files, each ended 25 times."""
    dice, ends = random.Random(7), 0
    transfer = stage.transfer()
    partial = transfer.place.partial(transfer.files[0])
    size = weights.stat().st_size
    for _ in range(8):
        for _ in range(25):
            begun = partial.stat().st_size if partial.exists() else 0
            step = dice.randrange(0, 2 * (size - begun) // 26 + 2)
            with dying_after(step, monkeypatch), suppress(Dies):
                replace(transfer, stop=threading.Event()).run(stage.watching)
                pytest.fail("it came to its end")
            assert partial.stat().st_size == begun + step
            ends += 1
        [path] = replace(transfer, stop=threading.Event()).run(stage.watching)
        assert digest(path) == digest(weights)
        assert stage.leftovers() == []
        path.unlink()
    assert ends == 200
    assert stage.fake.sent[FILE] < 200 * size  # it went on, and did not begin anew


def test_killed_processes_leave_what_the_next_one_goes_on_from(stage: Stage, weights: Path) -> None:
    """Real processes of the program, ended by SIGKILL while bytes come."""
    stage.fake.faults.pause, stage.fake.faults.piece = 0.01, 8 << 10
    code = (
        "import sys, pathlib; from tests.hub.fake_hub import FakeHub; from tests.hub.stage import Stage\n"
        "class There(FakeHub):\n"
        "    def __init__(self): pass\n"
        "    url = sys.argv[1]\n"
        "Stage(There(), pathlib.Path(sys.argv[2])).pulled()"
    )
    transfer, was = stage.transfer(), 0
    partial = transfer.place.partial(transfer.files[0])
    for _ in range(2):
        child = subprocess.Popen([sys.executable, "-c", code, stage.fake.url, stage.top])
        while not partial.exists() or partial.stat().st_size <= was:
            assert child.poll() is None
            os.sched_yield()
        child.kill()
        child.wait()
        was = partial.stat().st_size
    stage.fake.faults.pause = 0
    [path] = stage.pulled()
    assert digest(path) == digest(weights)
    assert stage.fake.asked("GET", "/content/")[-1].range == f"bytes={was}-"


@pytest.mark.usefixtures("quick")
def test_cut_connections_are_gone_on_from_within_one_run(either: Stage, weights: Path) -> None:
    either.fake.faults.cuts = [1, 50_000, 0, 333_333, 17]
    [path] = either.pulled()
    assert digest(path) == digest(weights)
    assert either.leftovers() == []


def test_ctrl_c_keeps_what_came_and_says_how_to_go_on(stage: Stage, weights: Path) -> None:
    class Impatient:
        def show(self, progress: object) -> None:
            raise KeyboardInterrupt

    stage.fake.faults.pause, stage.fake.faults.piece = 0.02, 32 << 10
    with pytest.raises(Interrupted, match="are here and stay") as stopped:
        stage.transfer().run(Impatient())
    assert "goes on from there" in stopped.value.hint
    stage.fake.faults.pause = 0
    [path] = stage.pulled()
    assert digest(path) == digest(weights)


# ---- errors of the hub ----


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 408])
def test_what_passes_is_waited_for(stage: Stage, weights: Path, status: int) -> None:
    stage.fake.faults.statuses = [status, status]
    stage.fake.faults.retry_after = "0"
    [path] = stage.pulled()
    assert digest(path) == digest(weights)


@pytest.mark.usefixtures("quick")
def test_what_does_not_pass_ends_after_some_tries_and_nothing_has_a_name(stage: Stage) -> None:
    stage.fake.faults.statuses = [503] * 100
    with pytest.raises(HubUnreachable, match="503"):
        stage.pulled()
    assert not list(stage.top.rglob("*.gguf"))


def test_a_private_repository_says_how_to_log_in(stage: Stage) -> None:
    stage.fake.repositories["acme/Parrot-GGUF"].is_private = True
    with pytest.raises(NotOnHub) as refused:
        stage.pulled()
    assert "hf auth login" in refused.value.hint


def test_offline_mode_asks_nobody(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(HubUnreachable, match=r"HF_HUB_OFFLINE.* has nothing of acme/Parrot-GGUF"):
        stage.pulled()
    assert stage.fake.seen == []


# ---- lies ----


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("into", ["models", "cache"])
@pytest.mark.parametrize(
    "lie",
    [
        {"said_size": 700_000},  # it has one byte more
        {"said_size": 700_002},  # one less
        {"said_sha256": "f" * 64},
    ],
)
def test_what_is_not_as_the_hub_says_gets_no_name(
    stage: Stage, into: str, lie: dict[str, object]
) -> None:
    stage.into = into
    file = stage.fake.repositories["acme/Parrot-GGUF"].files[FILE]
    for name, value in lie.items():
        setattr(file, name, value)
    with pytest.raises((HubContradicts, HubUnreachable)):
        stage.pulled()
    assert not [path for path in stage.top.rglob("*") if path.name in (FILE, file.sha256)]


@pytest.mark.usefixtures("quick")
def test_a_flipped_byte_is_found_and_nothing_is_kept(either: Stage) -> None:
    """The library itself takes it for whole."""
    either.fake.faults.flips = True
    with pytest.raises(HubContradicts, match="hash differs"):
        either.pulled()
    assert not list(either.top.rglob("*.gguf"))
    assert not either.leftovers()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "fault",
    [{"ignores_range": True}, {"shifts_range": 5}, {"damages": True}],
    ids=lambda f: next(iter(f)),
)
def test_a_resume_that_goes_wrong_begins_anew_once(
    stage: Stage, weights: Path, fault: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The range is ignored, or other bytes come for it, or what was there is damaged."""
    with dying_after(400_000, monkeypatch), suppress(Dies):
        stage.pulled()
    transfer = stage.transfer()
    partial = transfer.place.partial(transfer.files[0])
    if fault.pop("damages", False):
        partial.write_bytes(bytes(400_000))
    for name, value in fault.items():
        setattr(stage.fake.faults, name, value)
    [path] = stage.pulled()
    assert digest(path) == digest(weights)


def test_a_part_from_elsewhere_in_the_file_is_refused_at_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so itself: Content-Range is not what was asked for."""
    with dying_after(400_000, monkeypatch), suppress(Dies):
        stage.pulled()
    stage.fake.faults.misnames_range = True
    with pytest.raises(HubContradicts, match="bytes from 400000 on"):
        stage.pulled()


def test_a_list_and_a_file_that_disagree_are_not_fetched(stage: Stage) -> None:
    transfer = stage.transfer()
    wrong = replace(transfer, files=[HubFile(FILE, 700_001, "e" * 64)])
    with pytest.raises(HubContradicts, match="the hub lists"):
        wrong.run(stage.watching)
    assert not stage.fake.asked("GET", "/content/")


# ---- the disk ----


def test_a_disk_without_room_is_said_before_a_byte_comes(stage: Stage) -> None:
    free = Disk(stage.top, 0).free()
    with pytest.raises(NoDiskSpace, match="disk-margin"):
        stage.transfer(margin=free - 600_000).run(stage.watching)
    assert not stage.fake.asked("GET", "/content/")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system of 600 KiB: needs root")
@pytest.mark.usefixtures("quick")
def test_a_disk_that_fills_up_meanwhile_ends_it_and_with_room_it_goes_on(
    stage: Stage, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.top.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "none", str(stage.top)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        with monkeypatch.context() as patch:
            patch.setattr(Disk, "free", lambda _: 1 << 40)  # nobody foresaw it
            with pytest.raises(NoDiskSpace, match="it is full"):
                stage.pulled()
        [partial] = stage.leftovers()
        was = partial.stat().st_size
        assert was > 400_000
        subprocess.run(["mount", "-o", "remount,size=2m", str(stage.top)], check=True)
        [path] = stage.pulled()
        assert digest(path) == digest(weights)
        assert stage.fake.asked("GET", "/content/")[-1].range == f"bytes={was}-"
    finally:
        subprocess.run(["umount", str(stage.top)], check=True)


# ---- who else is there ----


def test_two_pulls_of_one_file_fetch_it_once(either: Stage, weights: Path) -> None:
    either.fake.faults.pause, either.fake.faults.piece = 0.01, 32 << 10
    one, other = either.transfer(), either.transfer()
    errors: list[PaddockError] = []

    def run() -> None:
        try:
            one.run(either.watching)
        except PaddockError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    [path] = other.run(either.watching)
    thread.join()
    assert errors == []
    assert digest(path) == digest(weights)
    assert either.fake.sent[FILE] == weights.stat().st_size


def test_what_is_there_is_checked_and_not_fetched_again(either: Stage) -> None:
    either.pulled()
    asked = len(either.fake.asked("GET", "/content/"))
    either.pulled()
    assert len(either.fake.asked("GET", "/content/")) == asked


def test_another_file_of_that_name_is_never_replaced(stage: Stage) -> None:
    place = stage.place(stage.repository())
    other = place.final(HubFile(FILE, 1, "0" * 64))
    other.parent.mkdir(parents=True)
    other.write_bytes(b"mine")
    with pytest.raises(InTheWay):
        stage.pulled()
    assert other.read_bytes() == b"mine"


@pytest.mark.parametrize("into", ["models", "cache"])
def test_a_link_that_leads_out_of_the_folder_is_not_followed(
    stage: Stage, tmp_path: Path, into: str
) -> None:
    stage.into = into
    outside = tmp_path / "outside"
    outside.mkdir()
    stage.top.mkdir()
    (stage.top / ("acme" if into == "models" else "models--acme--Parrot-GGUF")).symlink_to(outside)
    with pytest.raises(InTheWay, match="by a link"):
        stage.pulled()
    assert list(outside.rglob("*")) == []


def test_a_partial_file_that_is_a_link_is_not_written_through(stage: Stage, tmp_path: Path) -> None:
    transfer, victim = stage.transfer(), tmp_path / "victim"
    victim.write_bytes(b"mine")
    partial = transfer.place.partial(transfer.files[0])
    partial.parent.mkdir(parents=True)
    partial.symlink_to(victim)
    stage.pulled()
    assert victim.read_bytes() == b"mine"


# ---- where it may come from ----


@pytest.mark.parametrize("to", ["http://localhost:{port}/content", "https://evil.example/content", "http://169.254.169.254/x"])  # fmt: skip
def test_the_hub_sends_to_none_but_its_own_hosts(stage: Stage, to: str) -> None:
    stage.fake.faults.redirects_to = to.format(port=stage.fake.store.rpartition(":")[2])
    with pytest.raises(HubContradicts, match="none of its hosts") as refused:
        stage.pulled()
    assert "hub-hosts" in refused.value.hint
    assert not stage.fake.asked("GET", "/content/")


# ---- how fast ----


@pytest.mark.parametrize(("asked", "bound"), [(0, 20 << 20), (1000, 1000)])
def test_where_no_rate_is_asked_for_the_settings_bound_it(asked: int, bound: int) -> None:
    files: Any = SimpleNamespace(settings=Settings(pull_rate=20.0))
    assert rate_within(files, asked) == bound
    files.settings = Settings()
    assert rate_within(files, asked) == asked


def test_a_rate_is_kept_by_all_files_together() -> None:
    """By its own reckoning: how long it would have anybody wait."""

    class Watch(threading.Event):
        waited = 0.0

        def wait(self, timeout: float | None = None) -> bool:
            self.waited = max(self.waited, timeout or 0.0)
            return False

    watch, pace = Watch(), TransferPace(1_000_000)
    for _ in range(20):
        pace.spend(100_000, watch)
    assert watch.waited == pytest.approx(2.0, abs=0.3)


def test_the_hash_follows_a_file_that_is_begun_anew(tmp_path: Path) -> None:
    path, file = tmp_path / "x", HubFile("x", 6, "x")
    path.write_bytes(b"abc")
    with Follower(path, file, written=3) as follower:
        follower.restarted()
        path.write_bytes(b"abcdef")
        follower.wrote(6)
        assert follower.digest() == hash_of(path, file)


def test_patience_grows_and_ends() -> None:
    waits = [Patience(first=1, most=5).wait(n) for n in range(1, 6)]
    assert waits == [1, 2, 4, 5, 5]
    assert HASTY.wait(3) == 0
