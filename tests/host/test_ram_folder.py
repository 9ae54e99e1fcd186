"""A folder in RAM: on a tmpfs only, ours alone, and gone with the state folder that it belongs to."""

import os
import stat
from pathlib import Path

import pytest

from paddock.host.ram_folder import is_tmpfs, ram_folder
from tests.host.trees import write


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """Where `shm` is a tmpfs, and `disk` is none."""
    lines = [f"tmpfs {tmp_path}/shm tmpfs rw 0 0", f"/dev/sda1 {tmp_path}/disk ext4 rw 0 0", ""]
    write(tmp_path / "proc", {"self/mounts": "\n".join(["/dev/sda1 / ext4 rw 0 0", *lines])})
    for name in ("shm", "disk", "state"):
        (tmp_path / name).mkdir()
    return tmp_path / "proc"


def test_a_tmpfs_is_known_by_its_mount(proc: Path, tmp_path: Path):
    assert is_tmpfs(tmp_path / "shm" / "deep", proc=proc)
    assert not is_tmpfs(tmp_path / "disk", proc=proc)


def test_it_is_ours_alone_and_the_same_next_time(proc: Path, tmp_path: Path):
    found = ram_folder(tmp_path / "state", {}, proc=proc, shared=tmp_path / "shm")
    assert found
    assert found.is_relative_to(tmp_path / "shm")
    assert stat.S_IMODE(found.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in found.iterdir()} == {0o600}
    assert ram_folder(tmp_path / "state", {}, proc=proc, shared=tmp_path / "shm") == found


def test_a_disk_is_never_taken_for_ram(proc: Path, tmp_path: Path):
    env = {"XDG_RUNTIME_DIR": str(tmp_path / "disk")}
    assert ram_folder(tmp_path / "state", env, proc=proc, shared=tmp_path / "disk") is None
    assert list((tmp_path / "disk").iterdir()) == []


def test_what_another_user_put_there_is_not_even_read(
    proc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A pipe in the place of the file that names a state folder would be waited for for ever."""
    place = tmp_path / "shm" / f"paddock-{os.getuid()}"
    (place / "theirs").mkdir(parents=True)
    os.mkfifo(place / "theirs" / "state-dir")
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    place.rename(tmp_path / "shm" / "paddock-12345")
    assert ram_folder(tmp_path / "state", {}, proc=proc, shared=tmp_path / "shm") is None


def test_what_belongs_to_a_state_folder_that_is_gone_is_removed(proc: Path, tmp_path: Path):
    old = ram_folder(tmp_path / "state", {}, proc=proc, shared=tmp_path / "shm")
    assert old
    (tmp_path / "state").rmdir()
    (tmp_path / "other").mkdir()
    assert ram_folder(tmp_path / "other", {}, proc=proc, shared=tmp_path / "shm")
    assert not old.exists()


def test_a_state_folder_whose_name_is_no_text_keeps_its_folder(proc: Path, tmp_path: Path):
    state = tmp_path / os.fsdecode(b"st\xe4te \n")
    state.mkdir()
    kept = ram_folder(state, {}, proc=proc, shared=tmp_path / "shm")
    assert kept
    (kept / "slot").write_text("x")
    assert ram_folder(tmp_path / "state", {}, proc=proc, shared=tmp_path / "shm")
    assert (kept / "slot").exists()


def test_where_others_may_write_nothing_is_removed(proc: Path, tmp_path: Path):
    theirs = tmp_path / "shm" / f"paddock-{os.getuid()}" / "theirs"
    write(theirs, {"state-dir": "/gone"})
    (tmp_path / "shm").chmod(0o777)
    assert ram_folder(tmp_path / "state", {}, proc=proc, shared=tmp_path / "shm") is None
    assert theirs.exists()
