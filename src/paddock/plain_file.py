"""Reads files that people name: a pipe would be waited for, and a device read, without an end."""

import errno
import os
import stat
from pathlib import Path

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def oddity(path: Path) -> str:
    """What it is instead of a file: `a pipe`, `a socket`, `a device`; "" for any other, or for nothing.

    /dev/null counts as a file: it is how an empty one is named.
    """
    try:
        return _oddity(path.stat())
    except (OSError, ValueError):
        return ""


def read_plain(path: Path) -> bytes:
    """All of the file. OSError where it cannot be read, also for what is no file (`oddity`)."""
    _refuse(path, path.stat())  # to open a device may do something already
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        _refuse(path, os.fstat(file.fileno()))
        return file.read()


def trouble(error: Exception) -> str:
    """Why a file could not be read or understood, for a sentence that names it already."""
    return (error.strerror if isinstance(error, OSError) else "") or str(error)


def _oddity(facts: os.stat_result) -> str:
    if stat.S_ISCHR(facts.st_mode) and facts.st_rdev == Path(os.devnull).stat().st_rdev:
        return ""
    return _KINDS.get(stat.S_IFMT(facts.st_mode), "")


def _refuse(path: Path, facts: os.stat_result) -> None:
    if stat.S_ISDIR(facts.st_mode):  # Python's own error of one names our descriptor, not the path
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if kind := _oddity(facts):
        raise OSError(errno.EINVAL, f"{kind} instead of a file", str(path))
