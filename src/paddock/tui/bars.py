"""The memory of each device as a bar of cells: whose it is, what must stay free, what is free. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from paddock.api.types import DeviceInfo
from paddock.figures.device_names import detailed
from paddock.figures.drivers import is_drivers_own
from paddock.figures.units import mib
from paddock.tui.state import View

SegmentKind = Literal["instance", "foreign", "margin", "free", "unknown"]
_TRADE_MARKS = re.compile(r"\((?:R|TM|C)\)", re.IGNORECASE)
_SAY_NOTHING = frozenset(
    {"nvidia", "geforce", "amd", "ati", "radeon", "intel", "graphics", "corporation"}
)
_NAMES_TOLD = 2  # of foreign programs
_WORTH_NAMING = 64  # MiB of foreign use; less is what an idle driver takes


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a bar. Several of the kind `instance` differ in their `number`."""

    kind: SegmentKind
    label: str  # whose it is: a profile, `Xorg, firefox`, `free`
    mib: float
    cells: int
    number: int = 0  # of an instance: the same on every device, from 0


@dataclass(frozen=True, slots=True)
class Bar:
    """One device. The cells of its segments are together exactly as many as were asked for."""

    name: str  # `CUDA0`
    description: str  # `RTX 4090`, `RAM`
    detail: str  # with its maker: `NVIDIA GeForce RTX 4090, also Vulkan0`; nothing of RAM
    segments: tuple[Segment, ...]
    total: str  # `24.0 GiB`, empty where nobody knows
    free: str
    facts: str  # `61 °C, 310 of 450 W, 2520 MHz, power limit`
    brief: str = ""  # the first of them: `98 %, 61 °C, 310 W`

    @property
    def taken(self) -> list[tuple[str, str]]:
        """Every part with its size, in the bar's order; what is free stands beside the bar."""
        taken = (part for part in self.segments if part.mib >= 1 and part.kind != "free")
        parts = [(part.label, mib(part.mib)) for part in taken]
        return parts if parts or self.total else [("unknown", "")]

    @property
    def legend(self) -> str:
        """All of `taken` in one line."""
        return " · ".join(" ".join(filter(None, part)) for part in self.taken)


def device_bars(view: View, width: int) -> tuple[Bar, ...]:
    """One bar for each device, `width` cells each."""
    return tuple(device_bar(view, device, width) for device in view.devices)


def device_bar(view: View, device: DeviceInfo, width: int) -> Bar:
    parts = _parts(view, device) or [Segment("unknown", "unknown", 0.0, 0)]
    counts = cells([part.mib for part in parts], width)
    segments = (
        Segment(p.kind, p.label, p.mib, n, p.number) for p, n in zip(parts, counts, strict=True)
    )
    return Bar(
        name=device.name,
        description=short_name(device.description),
        detail=_detail(device),
        segments=tuple(segments),
        total=mib(device.total_mib),
        free=mib(device.free_mib),
        facts=facts(device),
        brief=facts(device, is_brief=True),
    )


def _detail(device: DeviceInfo) -> str:
    if device.kind == "host":
        return ""
    return detailed(device.description, device.also, in_ram=device.in_ram)


def cells(amounts: Sequence[float], width: int) -> list[int]:
    """`width` cells shared out by largest remainder; all to the last one where all are nothing."""
    whole = sum(amounts)
    if not amounts or whole <= 0:
        return [0] * (len(amounts) - 1) + [width] * bool(amounts)
    exact = [amount / whole * width for amount in amounts]
    counts = [int(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: counts[i] - exact[i])
    for i in by_remainder[: max(width - sum(counts), 0)]:
        counts[i] += 1
    return counts


def short_name(description: str) -> str:
    """`RTX 4090` of `NVIDIA GeForce RTX 4090`: without maker, trade marks and what all of them are."""
    words = _TRADE_MARKS.sub("", description).split()
    kept = [word for word in words if word.lower() not in _SAY_NOTHING]
    return " ".join(kept) or description


def facts(device: DeviceInfo, *, is_brief: bool = False) -> str:
    """How hard it works, each where it is known."""
    parts = []
    if device.utilization is not None:
        whose = "CPU " if device.kind == "host" else ""
        parts.append(f"{whose}{device.utilization * 100:.0f} %")
    if device.load is not None:
        parts.append(f"load {device.load:.1f}")
    if device.temperature_c is not None:
        parts.append(f"{device.temperature_c} °C")
    if device.power_w is not None:
        limit = f" of {device.power_limit_w:.0f}" if device.power_limit_w and not is_brief else ""
        parts.append(f"{device.power_w:.0f}{limit} W")
    if device.clock_mhz and not is_brief:
        parts.append(f"{device.clock_mhz} MHz")
    parts += [f"{why} limit" for why in device.throttled]
    if device.swap_used_mib:
        parts.append(f"swap {mib(device.swap_used_mib)}")
    return ", ".join(parts)


def _parts(view: View, device: DeviceInfo) -> list[Segment]:
    """What there is, with no cells yet; what an engine may not touch is cut from what is free."""
    ours = _ours(view, device)
    held = sum(part.mib for part in ours)
    if device.total_mib is None:
        return ours
    free = _free(device, held)
    foreign = max(device.total_mib - free - held, 0)
    margin = min(_margin(view, device), free)
    parts = [
        *ours,
        Segment("foreign", _foreign(device, foreign), foreign, 0),
        Segment("margin", "margin", margin, 0),
        Segment("free", "free", free - margin, 0),
    ]
    return [part for part in parts if part.mib > 0]


def _ours(view: View, device: DeviceInfo) -> list[Segment]:
    """What each instance was measured to hold; where nobody measures, what is booked for it."""
    numbers = {id_: number for number, id_ in enumerate(view.instances)}
    shares = device.used_mib or device.booked_mib
    return [
        Segment("instance", _owner(view, id_), share, 0, numbers.get(id_, len(numbers)))
        for id_, share in shares.items()
        if share > 0
    ]


def _owner(view: View, instance: str) -> str:
    """Its profile; of one that has just gone, what its name says."""
    known = view.instances.get(instance)
    return known.profile if known else instance.rpartition(".")[0] or instance


def _free(device: DeviceInfo, held: float) -> float:
    """MiB, where the driver does not report it: what neither we nor the foreign hold."""
    assert device.total_mib is not None
    if device.free_mib is not None:
        return device.free_mib
    return max(device.total_mib - held - (device.foreign_mib or 0), 0)


def _foreign(device: DeviceInfo, mib_taken: float) -> str:
    """Who holds what is not ours."""
    if device.kind == "gpu" and is_drivers_own(mib_taken, [use.name for use in device.foreign]):
        return "driver"
    names = [use.name for use in device.foreign if use.name and (use.mib or 0) >= _WORTH_NAMING]
    return ", ".join(list(dict.fromkeys(names))[:_NAMES_TOLD]) or "others"


def _margin(view: View, device: DeviceInfo) -> float:
    """MiB that the most careful resident wants to stay free here."""
    plans = [i.plan for i in view.instances.values() if i.plan]
    names = {device.name, *device.also}
    own = [d for plan in plans for d in plan.devices if d.device in names and d.total]
    return max((planned.margin for planned in own), default=0)
