"""Temporary folders for one block of work; `sweep` removes those of programs that were killed."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_OURS = re.compile(r"paddock-[a-z]+-(\d+)-\w+")


@contextmanager
def scratch(purpose: str, *, place: Path | None = None) -> Iterator[Path]:
    """A folder of this user alone in `place`, removed after the block. Its name has the process's number."""
    prefix = f"paddock-{purpose}-{os.getpid()}-"
    with tempfile.TemporaryDirectory(
        prefix=prefix, dir=place, ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)


def sweep(place: Path | None = None) -> list[Path]:
    """Remove the folders of programs that are gone; returns what was removed."""
    place = place or Path(tempfile.gettempdir())
    left = [entry for entry in _entries(place) if _is_orphan(entry)]
    for folder in left:
        shutil.rmtree(folder, ignore_errors=True)
    return left


def _entries(place: Path) -> list[Path]:
    with suppress(OSError):
        return list(place.iterdir())
    return []


def _is_orphan(entry: Path) -> bool:
    """A folder of ours, made by a process that is no more."""
    named = _OURS.fullmatch(entry.name)
    if named is None or entry.is_symlink() or Path(f"/proc/{named[1]}").exists():
        return False
    with suppress(OSError):
        return entry.is_dir() and entry.lstat().st_uid == os.getuid()
    return False
