"""The profiles and instances of a view, changed one at a time. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from msgspec.structs import replace as with_fields

from paddock.api.activity import RequestInfo
from paddock.api.types import InstanceInfo, State
from paddock.tui.state import View

SERVING = ("ready", "busy")


def with_row(view: View, profile: str, **changes: Any) -> View:
    """The profile's row with these fields; without a row, none is made."""
    if view.model(profile) is None:
        return view
    models = (with_fields(m, **changes) if m.id == profile else m for m in view.models)
    return replace(view, models=tuple(models))


def with_instance(
    view: View, instance: str, change: Callable[[InstanceInfo], InstanceInfo]
) -> View:
    known = view.instances.get(instance)
    if known is None:
        return view
    return replace(view, instances={**view.instances, instance: change(known)})


def settled(view: View, profile: str) -> View:
    """Its state as the daemon words it, where no instance has one."""
    if view.instance_of(profile):
        return view
    return with_row(view, profile, state=_state_without_instance(view, profile))


def _state_without_instance(view: View, profile: str) -> State:
    switch, row = view.switches.get(profile), view.model(profile)
    if view.waiting.get(profile) or (switch and not switch.failure):
        return "queued"
    return "failed" if row and row.failure else "unloaded"


def current_found(view: View) -> View:
    """Who answers a request that names no model, when it was another one that has left."""
    serving = [i.profile for i in view.instances.values() if i.phase in (*SERVING, "draining")]
    if view.current in serving:
        return view
    return replace(view, current=serving[-1] if serving else None)


def current_served(view: View, requests: Iterable[RequestInfo]) -> View:
    """The last one that was let in is the current one."""
    before = {request.id for request in view.requests if request.instance}
    let_in = [r for r in requests if r.instance and r.id not in before]
    newest = max(let_in, key=lambda request: request.id, default=None)
    return replace(view, current=newest.profile) if newest else view


def leased(view: View, requests: Iterable[RequestInfo], time: str) -> View:
    """Who is busy: between ready and busy no instance tells of a change."""
    counts: dict[str, int] = {}
    for request in requests:
        if request.instance:
            counts[request.instance] = counts.get(request.instance, 0) + 1
    for instance in list(view.instances.values()):
        view = _serving(view, instance, counts.get(instance.id, 0), time)
    return view


def _serving(view: View, instance: InstanceInfo, leases: int, time: str) -> View:
    if instance.phase in SERVING:
        phase = "busy" if leases else "ready"
        changed = with_fields(instance, leases=leases, phase=phase)
        row_changes: dict[str, Any] = {"state": phase}
    else:
        changed, row_changes = with_fields(instance, leases=leases), {}
    if leases and time:
        row_changes["last_used"] = time
    view = with_instance(view, instance.id, lambda _: changed)
    is_newest = view.instance_of(instance.profile) is changed
    return with_row(view, instance.profile, **row_changes) if is_newest else view
