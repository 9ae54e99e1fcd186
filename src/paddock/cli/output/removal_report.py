"""What the removal of a profile frees, what stays and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paddock.cli.output.terminal import harmless
from paddock.figures.units import mib

if TYPE_CHECKING:
    from paddock.cli.offline.removing import Leaving

_MIB = 1 << 20


def removal_lines(leaving: Leaving, *, with_files: bool) -> list[str]:
    """For people."""
    if leaving.removal is None:
        return [f"[{leaving.section}] is another name of a profile: no files are its own"]
    lines = []
    for fate in leaving.removal.fates:
        if fate.stays:
            lines.append(f"  stays    {fate.path}: {fate.stays}")
        else:
            word = "deleted" if with_files else "could go"
            lines.append(f"  {word} {fate.path}: frees {mib(fate.frees / _MIB)}")
    if any(fate.is_open for fate in leaving.removal.fates):
        lines.append(
            f"  if the model itself has it open: `paddock unload {leaving.section}` first, and it goes too"
        )
    whole = mib(leaving.removal.frees / _MIB)
    lines.append(
        f"frees {whole} of the disk" if with_files else f"--files would free {whole} of the disk"
    )
    return [harmless(line) for line in lines]


def removal_as_json(leaving: Leaving, *, with_files: bool, written: bool) -> dict[str, Any]:
    """For programs. Bytes."""
    fates = leaving.removal.fates if leaving.removal else ()
    return {
        "profile": leaving.section,
        "written": written,
        "files": with_files,
        "frees": leaving.removal.frees if leaving.removal else 0,
        "fates": [{"path": str(one.path), "frees": one.frees, "stays": one.stays} for one in fates],
    }
