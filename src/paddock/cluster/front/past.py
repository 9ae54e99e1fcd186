"""Figures of several nodes over time as one: sums, and series on one axis. Pure."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from paddock.api.devices import DevicePast, DevicesPast
from paddock.api.stats import ProfileStats, Stats
from paddock.api.usage import UsageReport, UsageRow

T = TypeVar("T", bound=msgspec.Struct)


def summed(one: T, other: T) -> T:
    """Each number is the sum of both; the rest is the first's."""
    changes = {}
    for field in one.__struct_fields__:
        mine, theirs = getattr(one, field), getattr(other, field)
        if isinstance(mine, int | float) and not isinstance(mine, bool):
            changes[field] = mine + theirs
    return replace(one, **changes)


def summed_stats(several: Iterable[Stats]) -> Stats:
    """The costs of all together; whoever was waited for longest, and what cost most, comes first."""
    found = list(several)
    profiles: dict[str, ProfileStats] = {}
    for row in (row for one in found for row in one.profiles):
        known = profiles.get(row.profile)
        longest = max(row.longest_wait, known.longest_wait if known else 0.0)
        profiles[row.profile] = replace(summed(known, row) if known else row, longest_wait=longest)
    total = found[0].total
    for one in found[1:]:
        total = replace(
            summed(total, one.total),
            longest_wait=max(total.longest_wait, one.total.longest_wait),
        )
    return Stats(
        since=min(one.since for one in found),
        total=total,
        profiles=sorted(profiles.values(), key=lambda row: -row.waited),
        alternations=sorted(
            (row for one in found for row in one.alternations), key=lambda row: -row.waited
        ),
    )


def summed_usage(several: Iterable[UsageReport]) -> UsageReport:
    """A row for each day, key and model, the newest day first."""
    found = list(several)
    rows: dict[tuple[str, str, str], UsageRow] = {}
    for row in (row for one in found for row in one.rows):
        key = (row.day, row.key, row.model)
        rows[key] = summed(rows[key], row) if key in rows else row
    ordered = sorted(rows.values(), key=lambda row: (row.key, row.model))
    return UsageReport(
        since=min(one.since for one in found),
        until=max(one.until for one in found),
        rows=sorted(ordered, key=lambda row: row.day, reverse=True),
    )


def aligned(several: Iterable[DevicesPast]) -> DevicesPast:
    """All devices on the axis of whoever has most points; nothing where a device has none near one."""
    found = list(several)
    axis = max(found, key=lambda one: len(one.at))
    return DevicesPast(
        every=axis.every,
        at=axis.at,
        devices=[_moved(device, one, axis) for one in found for device in one.devices],
    )


def _moved(device: DevicePast, of: DevicesPast, axis: DevicesPast) -> DevicePast:
    if of.at == axis.at:
        return device
    places = [_nearest(of.at, at, axis.every) for at in axis.at]
    changes: dict[str, Any] = {}
    for field in device.__struct_fields__:
        value = getattr(device, field)
        if isinstance(value, list) and value:
            changes[field] = _picked(value, places)
        elif isinstance(value, dict):
            changes[field] = {name: _picked(row, places) for name, row in value.items()}
    return replace(device, **changes)


def _nearest(times: Sequence[float], at: float, within: float) -> int | None:
    """Which of them is nearest, no further away than that; None where none is."""
    place = bisect_left(times, at)
    near = [i for i in (place - 1, place) if 0 <= i < len(times)]
    best = min(near, key=lambda i: abs(times[i] - at), default=None)
    return best if best is not None and abs(times[best] - at) <= within else None


def _picked(row: Sequence[Any], places: Sequence[int | None]) -> list[Any]:
    return [None if i is None or i >= len(row) else row[i] for i in places]
