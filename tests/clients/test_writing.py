"""What is written for a client comes back byte for byte, and nobody else's change is lost."""

import os
from pathlib import Path

import pytest

from paddock.clients.setting import ClientSettings, Edit, OwnFile
from paddock.clients.writing import Change, WrittenFiles, changes
from paddock.errors import ConfigError

ODD = b"\xef\xbb\xbf{ }\r\n\r\n"  # bytes that no editor would write again


def _wanted(path: Path, after: bytes) -> list[Change]:
    return [Change(path, path.read_bytes() if path.exists() else None, after)]


def test_undo_gives_back_every_byte_and_the_mode(tmp_path: Path):
    path, ledger = tmp_path / "settings.json", WrittenFiles(tmp_path / "state")
    path.write_bytes(ODD)
    path.chmod(0o644)
    assert ledger.write("c", _wanted(path, b"ours"))
    assert (path.read_bytes(), ledger.state("c")) == (b"ours", "connected")
    assert ledger.undo("c") == [path]
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (ODD, 0o644)
    assert ledger.state("c") == ""


def test_a_file_that_was_not_there_goes_again(tmp_path: Path):
    path, ledger = tmp_path / "deep" / "own.json", WrittenFiles(tmp_path / "state")
    ledger.write("c", _wanted(path, b"key"))
    assert path.stat().st_mode & 0o777 == 0o600
    ledger.undo("c")
    assert not path.exists()


def test_connecting_again_keeps_the_version_from_before_the_first_time(tmp_path: Path):
    path, ledger = tmp_path / "f", WrittenFiles(tmp_path / "state")
    path.write_bytes(ODD)
    ledger.write("c", _wanted(path, b"one"))
    ledger.write("c", _wanted(path, b"two"))
    assert ledger.write("c", _wanted(path, b"two")) == []
    ledger.undo("c")
    assert path.read_bytes() == ODD


def test_what_somebody_changed_since_is_left_alone(tmp_path: Path):
    path, other, ledger = tmp_path / "f", tmp_path / "g", WrittenFiles(tmp_path / "state")
    path.write_bytes(ODD)
    ledger.write("c", [*_wanted(path, b"ours"), *_wanted(other, b"ours")])
    path.write_bytes(b"ours, and mine")
    assert ledger.state("c") == "changed"
    with pytest.raises(ConfigError, match="changed since") as refused:
        ledger.undo("c")
    assert "before: " in str(refused.value)
    assert (path.read_bytes(), other.read_bytes()) == (b"ours, and mine", b"ours")


def test_what_somebody_changed_and_was_written_over_comes_back(tmp_path: Path):
    path, ledger = tmp_path / "f", WrittenFiles(tmp_path / "state")
    ledger.write("c", _wanted(path, b"one"))
    path.write_bytes(b"mine")
    ledger.write("c", _wanted(path, b"two"))
    ledger.undo("c")
    assert path.read_bytes() == b"mine"


def test_a_link_stays_one(tmp_path: Path):
    real, link, ledger = tmp_path / "dotfiles", tmp_path / "link", WrittenFiles(tmp_path / "state")
    real.write_bytes(ODD)
    link.symlink_to(real)
    ledger.write("c", _wanted(link, b"ours"))
    assert link.is_symlink()
    assert real.read_bytes() == b"ours"
    ledger.undo("c")
    assert (link.is_symlink(), real.read_bytes()) == (True, ODD)


def test_nothing_to_undo_is_said(tmp_path: Path):
    with pytest.raises(ConfigError, match="not connected"):
        WrittenFiles(tmp_path).undo("c")


def test_a_file_that_cannot_be_understood_is_named_and_kept(tmp_path: Path):
    path = tmp_path / "f"
    path.write_text("not json")

    def refuse(text: str) -> str:
        raise ConfigError("line 1: this is not JSON")

    with pytest.raises(ConfigError, match="f cannot be changed: line 1"):
        changes(ClientSettings(edits=(Edit(path, refuse),)))
    assert path.read_text() == "not json"


def test_a_change_is_shown_as_a_diff(tmp_path: Path):
    path = tmp_path / "f"
    path.write_text("a\nb\n")
    [change] = changes(ClientSettings(files=(OwnFile(path, "a\nc\n"),)))
    assert change.diff.splitlines()[-3:] == [" a", "-b", "+c"]
    [new] = changes(ClientSettings(files=(OwnFile(tmp_path / "new", "x\n"),)))
    assert new.diff.startswith("--- /dev/null")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path):
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match="cannot be written"):
        WrittenFiles(tmp_path / "state").write("c", _wanted(tmp_path / "f", b"x"))
