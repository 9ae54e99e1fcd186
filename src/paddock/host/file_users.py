"""Which processes have a file open or mapped. Of other users' processes only root sees that."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from paddock.host import kernel
from paddock.host.processes import pids, program


def users_of(files: Iterable[Path], *, proc: Path = kernel.PROC) -> dict[Path, list[str]]:
    """Names of programs by file, for those files that have any."""
    wanted = {str(file.resolve()): file for file in files}
    found: dict[Path, list[str]] = {}
    for pid in pids(proc):
        for name in _open(proc / str(pid)) & wanted.keys():
            found.setdefault(wanted[name], []).append(program(pid, proc=proc))
    return found


def _open(process: Path) -> set[str]:
    names = set[str]()
    # It may have ended, or be another user's; a descriptor may be closed while we look.
    with suppress(OSError, UnicodeDecodeError):
        lines = (process / "maps").read_text().splitlines()
        names |= {line.split(maxsplit=5)[-1] for line in lines}
    with suppress(OSError):
        for entry in (process / "fd").iterdir():
            with suppress(OSError):
                names.add(str(entry.readlink()))
    return names
