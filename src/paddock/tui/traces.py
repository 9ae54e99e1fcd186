"""The dashboard's lines over time: one value a second for ten minutes, all of the same seconds. Pure.

`generation` (tokens/s of all requests together), `requests` (how many there are), and of each device
`used:NAME` and `util:NAME`, fractions of 1. The daemon sends what has changed, and once a minute all:
until then silence means that everything is as it was. Without a connection it means nothing: a gap.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import floor

from paddock.api.activity import RequestInfo
from paddock.api.types import DeviceInfo
from paddock.tui.state import Trace, View

LENGTH = 600  # seconds
_HOLDS = 65  # seconds for which silence means that nothing changed

_NOTHING = Trace()


def advanced(view: View, now: float) -> View:
    """The traces up to the second before `now`; what nobody measured is filled in."""
    second = floor(now)
    if view.traced is None or second - 1 <= view.traced:
        return view
    return replace(view, traces=_filled(view, second - 1), traced=second - 1)


def sampled(view: View, now: float) -> View:
    """With the view's own requests and devices as the values of this second."""
    view = advanced(view, now)
    second = floor(now)
    if view.traced is not None and second < view.traced:
        return view
    values = measured(view.requests, view.devices)
    begun = {name: view.traces.get(name, _NOTHING) for name in (*view.traces, *values)}
    is_same = second == view.traced  # two readings in one second: the later counts
    traces = {
        name: _with(trace, values.get(name), instead=is_same) for name, trace in begun.items()
    }
    return replace(view, traces=_living(traces), traced=second, heard=now)


def measured(
    requests: Sequence[RequestInfo], devices: Sequence[DeviceInfo]
) -> Mapping[str, float | None]:
    """The values of one second."""
    values: dict[str, float | None] = {
        "generation": _generation(requests),
        "requests": float(len(requests)),
    }
    for device in devices:
        values[f"used:{device.name}"] = _used(device)
        values[f"util:{device.name}"] = device.utilization
    return values


def _generation(requests: Sequence[RequestInfo]) -> float | None:
    """Tokens/s; None where requests generate and none says how fast."""
    generating = [request for request in requests if request.phase == "generating"]
    speeds = [request.speed for request in generating if request.speed is not None]
    return sum(speeds) if speeds or not generating else None


def _used(device: DeviceInfo) -> float | None:
    total, free = device.total_mib, device.free_mib
    return None if not total or free is None else min(max(1 - free / total, 0.0), 1.0)


def _with(trace: Trace, value: float | None, *, instead: bool) -> Trace:
    kept = trace.values[:-1] if instead else trace.values
    return Trace((*kept, value)[-LENGTH:])


def _filled(view: View, last: int) -> Mapping[str, Trace]:
    """All traces up to the second `last`."""
    assert view.traced is not None
    seconds = range(max(view.traced + 1, last - LENGTH + 1), last + 1)
    until = view.traced if view.heard is None or view.link != "live" else view.heard + _HOLDS
    filled = {
        name: Trace((*trace.values, *_held(trace, seconds, until))[-LENGTH:])
        for name, trace in view.traces.items()
    }
    return _living(filled)


def _held(trace: Trace, seconds: range, until: float) -> list[float | None]:
    before = trace.values[-1] if trace.values else None
    return [before if second <= until else None for second in seconds]


def _living(traces: Mapping[str, Trace]) -> Mapping[str, Trace]:
    """Without those of devices of which nothing was known the whole time."""
    return {
        name: trace
        for name, trace in traces.items()
        if any(value is not None for value in trace.values)
    }
