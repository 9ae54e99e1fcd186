"""Keeps folders private to this user: creates them, repairs their mode, or refuses with a reason.

Their content is trusted later (which process is ours, which build runs), and contains prompts. So
nobody else may write there, nor replace the folder from one above it; root may, as root can do
anything. Groups count as their members: many systems give each user a group of his own.
"""

import grp
import logging
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from paddock.errors import ConfigError

_log = logging.getLogger(__name__)
_GROUP, _OTHERS = 0o070, 0o007
_MANY_LINKS = 40  # as the kernel: beyond it, a path goes round in circles
_OVERFLOW = Path("/proc/sys/kernel/overflowuid")
_UID_MAP = Path("/proc/self/uid_map")


def keep_private(folder: Path) -> None:
    """Make this folder and its content ours, and closed to all others (0700).

    Raises ConfigError where another user has, or had, a say in it. OSError where it cannot be made.
    """
    for above in reversed(folder.parents):
        if not above.exists():
            above.mkdir(mode=0o755)  # less what the umask says, which may be nothing
    folder.mkdir(mode=0o700, exist_ok=True)
    _check_way(folder)
    facts = folder.stat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid():
        raise _refused(f"{folder} is not a folder of yours")
    if _is_loose(facts):
        _close(folder)
    for entry in folder.iterdir():
        _tighten(entry)


def believed(file: Path) -> bytes:
    """The content of a file that only we can have written; PermissionError for any other."""
    with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as opened:
        for facts in (os.fstat(opened.fileno()), file.parent.lstat()):
            if facts.st_uid != os.getuid() or stat.S_ISLNK(facts.st_mode) or _is_open(facts):
                raise PermissionError(f"{file} may have been written by another user")
        return opened.read()


def open_private(file: Path) -> int:
    """A descriptor of this file of ours, for appending and reading; 0600 whatever it was. OSError."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    descriptor = os.open(file, flags, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


# ---- the folder itself ----


def _close(folder: Path) -> None:
    """Close a folder that was open to others, after a search for files that they put there."""
    before = folder.stat()
    theirs = (entry for entry in _within(folder) if entry.lstat().st_uid != os.getuid())
    if _is_open(before) and (first := next(theirs, None)):
        raise _refused(
            f"others could write in {folder}, and not all there is yours: {first}",
            "look at what is there, remove it",
        )
    folder.chmod(0o700)
    if _is_loose(folder.stat()):
        raise _refused(f"the file system of {folder} does not keep other users out")
    _log.warning(
        "%s was open to others (mode %o): closed now", folder, stat.S_IMODE(before.st_mode)
    )


def _within(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        yield from (Path(place) / name for name in (*folders, *files))


def _tighten(entry: Path) -> None:
    with suppress(OSError):  # it went meanwhile, or is a socket of a container's
        facts = entry.lstat()
        if facts.st_uid == os.getuid() and _is_loose(facts) and not stat.S_ISLNK(facts.st_mode):
            entry.chmod(stat.S_IMODE(facts.st_mode) & ~(_GROUP | _OTHERS))


# ---- the way to it ----


def _check_way(folder: Path) -> None:
    """Raise where another user could put something else in the place of a folder on this path."""
    for step in _steps(folder.absolute()):
        facts = step.lstat()
        if facts.st_uid not in _trusted():
            raise _refused(f"{step} belongs to another user ({_name(facts.st_uid)})")
        is_shared = stat.S_ISDIR(facts.st_mode) and not facts.st_mode & stat.S_ISVTX
        if step != folder and is_shared and _is_open(facts):
            raise _refused(f"other users may write in {step}", f"chmod go-w {step}")


def _steps(path: Path, links: int = 0) -> Iterator[Path]:
    """Each folder on this path, those that links lead through included."""
    for step in (*reversed(path.parents), path):
        yield step
        if step.is_symlink() and links < _MANY_LINKS:
            yield from _steps(step.parent / step.readlink(), links + 1)


def _trusted() -> set[int]:
    """The users that are trusted: root, we, and in a user namespace its creator, who shows as nobody."""
    found = {0, os.getuid()}
    with suppress(OSError, ValueError):
        if _UID_MAP.read_text().split() != ["0", "0", str(2**32 - 1)]:
            found.add(int(_OVERFLOW.read_text()))
    return found


def _is_loose(facts: os.stat_result) -> bool:
    return bool(facts.st_mode & (_GROUP | _OTHERS))


def _is_open(facts: os.stat_result) -> bool:
    """Whether others may write there."""
    if facts.st_mode & stat.S_IWOTH:
        return True
    return bool(facts.st_mode & stat.S_IWGRP) and not _is_ours_alone(facts.st_gid)


def _is_ours_alone(group: int) -> bool:
    """Whether nobody is in this group but us and root.

    It must have our name, or be root's: a directory of users need not list who else has it as his own.
    """
    members = {user.pw_uid for user in pwd.getpwall() if user.pw_gid == group}
    try:
        found = grp.getgrgid(group)
        is_named_so = group == 0 or found.gr_name == _name(os.getuid())
        members |= {pwd.getpwnam(name).pw_uid for name in found.gr_mem}
    except KeyError:
        return False
    return is_named_so and members <= {0, os.getuid()}


def _name(user: int) -> str:
    with suppress(KeyError):
        return pwd.getpwuid(user).pw_name
    return str(user)


def _refused(what: str, how: str = "") -> ConfigError:
    return ConfigError(
        f"{what}: Paddock's files are not safe there",
        hint=f"{how or 'make it yours'}, or name another place with --state-dir",
    )
