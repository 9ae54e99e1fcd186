"""Files that are written whole, in folders that are this user's alone."""

from pathlib import Path

from paddock.atomic_write import atomic_write


def test_folders_that_were_missing_are_closed_to_others_all_of_them(tmp_path: Path) -> None:
    atomic_write(tmp_path / "state" / "paddock" / "engines" / "x.json", b"{}")
    made = [tmp_path / "state", tmp_path / "state" / "paddock"]
    assert [folder.stat().st_mode & 0o777 for folder in made] == [0o700, 0o700]
