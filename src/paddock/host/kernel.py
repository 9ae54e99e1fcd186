"""Reads the kernel's small files under /proc and /sys; None where one is gone or may not be read."""

from pathlib import Path

PROC, SYS = Path("/proc"), Path("/sys")


def text(path: Path) -> str | None:
    """What the file says, without white space around it. Never raises."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:  # ESRCH too: the process went between opening and reading
        return None


def number(path: Path) -> int | None:
    """The one decimal number that the file holds, as most files of sysfs do."""
    said = text(path)
    return int(said) if said and said.isdecimal() else None


def fields(path: Path) -> dict[str, int]:
    """Numbers by key, from lines such as `MemTotal:  263886988 kB` or `pswpin 0`; units are dropped."""
    found = {}
    for line in (text(path) or "").splitlines():
        words = line.replace(":", " ", 1).split()
        if len(words) > 1 and words[1].isdecimal():
            found[words[0]] = int(words[1])
    return found
