"""The switches that a view shows: begun, going on, failed, forgotten. Pure."""

from dataclasses import replace

from paddock.api.events import SwitchEnded
from paddock.api.types import Progress
from paddock.tui.state import Switch, View


def progressed(view: View, profile: str, progress: Progress, now: float) -> View:
    """It goes on, or begins; a failure of the same profile was before this one."""
    known = view.switches.get(profile)
    return _with(view, _continued(known, profile, progress, now))


def failed(view: View, event: SwitchEnded, now: float) -> View:
    """It stays until somebody has read why."""
    known = view.switches.get(event.profile)
    progress = known.progress if known else Progress(stage="failed", elapsed=event.seconds)
    stopped = Switch(
        event.profile,
        progress,
        began=now - event.seconds,
        reported=now,
        failure=event.failure,
        restored=tuple(event.restored),
    )
    return _with(view, stopped) if event.failure else ended(view, event.profile)


def ended(view: View, profile: str) -> View:
    """It is over, and there is nothing left to read."""
    others = {name: switch for name, switch in view.switches.items() if name != profile}
    return replace(view, switches=others)


def recalled(view: View, now: float) -> View:
    """The switches that a snapshot has, and the failures that it does not contradict."""
    found: dict[str, Switch] = {}
    for row in view.models:
        known = view.switches.get(row.id)
        if row.switching:  # for what it waits, and since when, a snapshot does not say
            is_same = known is not None and not known.failure
            began = Progress(stage="queued")
            found[row.id] = known if known and is_same else _continued(None, row.id, began, now)
        elif known and known.failure and row.failure:
            found[row.id] = known
    for instance in view.instances.values():
        if progress := instance.progress:
            known = view.switches.get(instance.profile)
            found[instance.profile] = _continued(known, instance.profile, progress, now)
    return replace(view, switches=found)


def _continued(known: Switch | None, profile: str, progress: Progress, now: float) -> Switch:
    if known is None or known.failure or progress.elapsed < known.progress.elapsed:
        known = Switch(profile, progress, began=now - progress.elapsed, reported=now)
    first = known.first or _first(progress, now)
    return replace(known, progress=progress, reported=now, first=first)


def _first(progress: Progress, now: float) -> tuple[float, int] | None:
    is_reported = progress.stage == "loading" and progress.mib_done is not None
    return (now, progress.mib_done or 0) if is_reported else None


def _with(view: View, switch: Switch) -> View:
    return replace(view, switches={**view.switches, switch.profile: switch})
