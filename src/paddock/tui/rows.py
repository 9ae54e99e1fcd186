"""The profiles and instances of a view, replaced one at a time. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from msgspec.structs import asdict
from msgspec.structs import replace as with_fields

from paddock.api.events import Activity, AnyProfileEvent, SwitchProgress
from paddock.api.types import InstanceInfo, ProfileNow
from paddock.tui import switches
from paddock.tui.state import View


def with_row(view: View, profile: str, **changes: Any) -> View:
    """The profile's row with these fields; without a row, none is made."""
    if view.model(profile) is None:
        return view
    models = (with_fields(m, **changes) if m.id == profile else m for m in view.models)
    return replace(view, models=tuple(models))


def with_instances(view: View, found: Iterable[InstanceInfo]) -> View:
    """With these, new or known; without those whose process has ended."""
    ids = {**view.instances, **{info.id: info for info in found}}
    return replace(view, instances={id_: info for id_, info in ids.items() if not info.exited})


def with_instance(view: View, instance: str, **changes: Any) -> View:
    """The instance with these fields, where it is known."""
    known = view.instances.get(instance)
    if known is None:
        return view
    return replace(view, instances={**view.instances, instance: with_fields(known, **changes)})


def standing(view: View, event: AnyProfileEvent) -> View:
    """As the daemon says that its profile stands after the event.

    An older daemon does not say: then a fresh snapshot is asked for, but not ten times a second.
    """
    if event.now is None:
        return replace(view, is_stale=view.is_stale or not isinstance(event, SwitchProgress))
    return replace(_as_of(view, event.profile, event.now), current=event.current)


def serving(view: View, event: Activity) -> View:
    """As the daemon says that instances and their profiles stand just now, where any live."""
    if not event.instances:
        return view
    for instance in event.instances:
        view = with_instance(view, instance.id, phase=instance.phase, leases=instance.leases)
    for profile, now in event.profiles.items():
        view = _as_of(view, profile, now)
    return replace(view, current=event.current)


def _as_of(view: View, profile: str, now: ProfileNow) -> View:
    changes = asdict(now)
    if not changes.pop("failed"):
        changes["failure"] = None
    view = with_row(view, profile, **changes)
    switch = view.switches.get(profile)
    if switch and not switch.failure and not now.switching:
        return switches.ended(view, profile)
    return view
