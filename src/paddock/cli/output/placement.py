"""Where an instance lies, in a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paddock.figures.units import mib

if TYPE_CHECKING:
    from paddock.api.placement import Placement


def placed(placement: Placement | None) -> str:
    """Where an instance's bytes lie: one sum per device, the largest first."""
    sums: dict[str, float] = {}
    for buffer in placement.buffers if placement else []:
        sums[buffer.device] = sums.get(buffer.device, 0.0) + buffer.mib
    largest_first = sorted(sums.items(), key=lambda item: -item[1])
    return ", ".join(f"{device} {mib(held)}" for device, held in largest_first)
