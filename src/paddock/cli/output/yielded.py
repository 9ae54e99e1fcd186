"""That the GPUs are left to other programs, in words for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paddock.api.yielding import YieldInfo


def lines_of(info: YieldInfo) -> list[str]:
    """How it stands, for people."""
    lines = [info.in_words()]
    lines += [f"leaving after its last request: {', '.join(info.leaving)}"] if info.leaving else []
    lines += [f"staying, without GPU memory: {', '.join(info.staying)}"] if info.staying else []
    return [*lines, "`paddock resume` ends it"]
