"""Folders that are one user's alone: closed to others, or refused with a word."""

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from paddock.errors import ConfigError
from paddock.private import believed, keep_private, open_private
from tests.strangers import STRANGER, as_another_user, needs_root


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that other users may enter, as /tmp is; pytest's own lets nobody in."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def test_a_new_one_is_closed_to_others_whatever_the_umask(tmp_path: Path):
    old = os.umask(0)
    try:
        keep_private(tmp_path / "a" / "b")
    finally:
        os.umask(old)
    assert mode(tmp_path / "a" / "b") == 0o700


@pytest.mark.parametrize("before", [0o755, 0o750, 0o777, 0o711, 0o1777, 0o700])
def test_an_old_one_is_closed_and_so_is_what_lies_in_it(tmp_path: Path, before: int):
    folder = tmp_path / "state"
    folder.mkdir()
    for name, its in (("daemon.log", 0o644), ("daemon.lock", 0o666), ("run.sh", 0o755)):
        (folder / name).touch()
        (folder / name).chmod(its)
    (folder / "contexts").mkdir()
    (folder / "link").symlink_to("/etc/hostname")
    folder.chmod(before)
    keep_private(folder)
    assert mode(folder) & 0o077 == 0
    assert {e.name: oct(mode(e)) for e in folder.iterdir() if not e.is_symlink()} == {
        "daemon.log": "0o600",
        "daemon.lock": "0o600",
        "run.sh": "0o700",
        "contexts": "0o700",
    }


def test_what_it_was_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "state").mkdir(mode=0o755)
    keep_private(tmp_path / "state")
    assert "state was open to others (mode 755): closed now" in caplog.text
    caplog.clear()
    keep_private(tmp_path / "state")
    assert not caplog.text


def test_a_link_of_our_own_is_gone_through(tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    keep_private(tmp_path / "link" / "state")
    assert mode(tmp_path / "real" / "state") == 0o700


def test_a_file_is_no_folder(tmp_path: Path):
    (tmp_path / "state").touch()
    with pytest.raises(OSError, match="exists"):
        keep_private(tmp_path / "state")


@pytest.mark.parametrize("above", [0o777, 0o757])
def test_a_folder_above_in_which_others_may_write_is_refused(tmp_path: Path, above: int):
    folder = tmp_path / "shared" / "state"
    folder.mkdir(parents=True)
    folder.parent.chmod(above)
    with pytest.raises(ConfigError, match=r"other users may write in .*shared") as refused:
        keep_private(folder)
    assert refused.value.hint.startswith(f"chmod go-w {folder.parent}, or")
    folder.parent.chmod(above | stat.S_ISVTX)  # as /tmp: each may move only what is his
    keep_private(folder)


def test_a_group_of_our_own_is_nobody_else(tmp_path: Path):
    folder = tmp_path / "home" / "state"
    folder.mkdir(parents=True)
    folder.parent.chmod(0o775)
    keep_private(folder)


@needs_root
def test_a_group_with_others_in_it_is_others(tmp_path: Path):
    folder = tmp_path / "home" / "state"
    folder.mkdir(parents=True)
    os.chown(folder.parent, 0, STRANGER)
    folder.parent.chmod(0o775)
    with pytest.raises(ConfigError, match="other users may write"):
        keep_private(folder)


@needs_root
@pytest.mark.parametrize("whose", ["state", "above", "link"])
def test_a_folder_of_another_user_on_the_way_is_refused(tmp_path: Path, whose: str):
    folder = tmp_path / "above" / "state"
    folder.mkdir(parents=True)
    (tmp_path / "link").symlink_to("above")
    named = {"state": folder, "above": folder.parent, "link": tmp_path / "link"}
    os.chown(named[whose], STRANGER, STRANGER, follow_symlinks=False)
    with pytest.raises(ConfigError, match=r"belongs to another user \(nobody\)"):
        keep_private(tmp_path / "link" / "state")


@needs_root
def test_what_another_user_put_there_while_he_could_is_refused(shared: Path):
    folder = shared / "state"
    folder.mkdir()
    folder.chmod(0o777)
    with as_another_user((folder / "web-page.msgpack").touch):
        with pytest.raises(ConfigError, match=r"not all there is yours: .*web-page\.msgpack"):
            keep_private(folder)
        assert mode(folder) == 0o777, "so that the next start says it again"
        (folder / "web-page.msgpack").unlink()
        keep_private(folder)


# ---- files ----


def test_a_file_of_ours_is_believed(tmp_path: Path):
    (tmp_path / "record.json").write_bytes(b"{}")
    assert believed(tmp_path / "record.json") == b"{}"


@pytest.mark.parametrize("loose", ["file", "folder"])
def test_one_that_others_may_write_is_not(tmp_path: Path, loose: str):
    file = tmp_path / "7" / "record.json"
    file.parent.mkdir()
    file.touch()
    {"file": file, "folder": file.parent}[loose].chmod(0o777)
    with pytest.raises(PermissionError, match="written by another user"):
        believed(file)


@needs_root
@pytest.mark.parametrize("whose", ["file", "folder"])
def test_one_that_is_another_users_is_not(tmp_path: Path, whose: str):
    file = tmp_path / "7" / "record.json"
    file.parent.mkdir()
    file.touch()
    os.chown({"file": file, "folder": file.parent}[whose], STRANGER, STRANGER)
    with pytest.raises(PermissionError, match="written by another user"):
        believed(file)


def test_a_link_and_a_pipe_are_no_files_of_ours(tmp_path: Path):
    (tmp_path / "real").write_bytes(b"{}")
    (tmp_path / "link").symlink_to("real")
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(OSError, match="symbolic link"):
        believed(tmp_path / "link")
    assert believed(tmp_path / "pipe") == b"", "nobody is waited for"


def test_what_is_opened_is_closed_to_others(tmp_path: Path):
    file = tmp_path / "daemon.log"
    file.touch(0o644)
    with os.fdopen(open_private(file), "ab") as log:
        log.write(b"x")
    assert mode(file) == 0o600
