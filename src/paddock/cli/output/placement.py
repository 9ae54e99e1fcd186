"""Where an instance lies, in a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paddock.figures.device_names import in_order
from paddock.figures.units import mib

if TYPE_CHECKING:
    from paddock.api.placement import Placement


def placed(placement: Placement | None) -> str:
    """Where an instance's bytes lie: one sum per device, in the engine's order, RAM last."""
    sums: dict[str, float] = {}
    for buffer in placement.buffers if placement else []:
        sums[buffer.device] = sums.get(buffer.device, 0.0) + buffer.mib
    return ", ".join(f"{name} {mib(sums[name])}" for name in in_order(sums))
