"""Where an instance lies, in a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paddock.figures.units import mib

if TYPE_CHECKING:
    from collections.abc import Iterable

    from paddock.api.placement import Placement

_IN_RAM = ("Host", "CPU")  # by plans and by logs


def placed(placement: Placement | None) -> str:
    """Where an instance's bytes lie: one sum per device, in the engine's order, RAM last."""
    sums: dict[str, float] = {}
    for buffer in placement.buffers if placement else []:
        sums[buffer.device] = sums.get(buffer.device, 0.0) + buffer.mib
    return ", ".join(f"{name} {mib(sums[name])}" for name in in_order(sums))


def in_order(devices: Iterable[str]) -> list[str]:
    """Devices as an engine counts them, `CUDA0` before `CUDA1`; what lies in RAM comes last."""
    families = list(dict.fromkeys(map(_family, devices)))
    return sorted(
        devices, key=lambda name: (name in _IN_RAM, families.index(_family(name)), _number(name))
    )


def _family(device: str) -> str:
    return device.rstrip("0123456789")


def _number(device: str) -> int:
    return int(device[len(_family(device)) :] or 0)
