"""What the dashboard knows after one more event. Pure, total, and bounded in what it keeps.

A `View` is made by folding: `view = heard(view, news, now)` for everything that a feed tells. `now` is
the dashboard's own monotonic clock, in seconds. A snapshot replaces all but notices, traces and the
failures that nobody has read yet; an event that was folded before changes nothing.
"""

from dataclasses import replace
from typing import Any, assert_never

from msgspec.structs import replace as with_fields

from paddock.api.activity import Totals
from paddock.api.types import (
    Activity,
    AnyEvent,
    ConfigChanged,
    InstanceChanged,
    InstanceEnded,
    InstanceInfo,
    ProfileInfo,
    QueueChanged,
    Snapshot,
    SpeedMeasured,
    SwitchEnded,
    SwitchProgress,
    VerdictReached,
)
from paddock.figures.units import unix
from paddock.tui import notices, rows, switches, traces
from paddock.tui.state import LinkChanged, News, View


def heard(view: View, news: News, now: float) -> View:
    """After anything that a feed tells."""
    if not isinstance(news, LinkChanged):
        return fold(view, news, now)
    match news.link:
        case "connecting":
            return connecting(view, now)
        case "live":
            return connected(view, now)
        case "lost":
            return lost(view, news.error, now)


# ---- the link ----


def connecting(view: View, now: float) -> View:
    """Somebody tries to reach the daemon; what was known stays on the screen."""
    return replace(traces.advanced(view, now), link="connecting")


def connected(view: View, now: float) -> View:
    """The daemon has answered: from here on it tells what happens."""
    if view.link == "live":
        return view
    was_lost = bool(view.link_error)
    view = replace(traces.advanced(view, now), link="live", link_error="")
    return notices.noted(view, "link", "connected", now) if was_lost else view


def lost(view: View, error: str, now: float) -> View:
    """The connection broke, or did not come about. Told once, however often it is tried again."""
    is_news = not view.link_error
    error = error or "the connection broke"
    view = replace(traces.advanced(view, now), link="lost", link_error=error)
    return notices.noted(view, "link", error, now) if is_news else view


# ---- time and the reader ----


def ticked(view: View, now: float) -> View:
    """The traces go on while nothing is told; once a second is often enough."""
    return traces.advanced(view, now)


def dismissed(view: View, profile: str) -> View:
    """Its failed switch was read."""
    failed = view.switches.get(profile)
    return switches.ended(view, profile) if failed and failed.failure else view


# ---- events ----


def fold(view: View, event: AnyEvent, now: float) -> View:
    """After this event."""
    numbered = not isinstance(event, Snapshot | Activity)  # a restarted daemon may count from less
    if numbered and event.seq <= view.last_seq:
        return view
    view = _folded(connected(view, now), event, now)
    newest = event.seq if isinstance(event, Snapshot) else max(view.last_seq, event.seq)
    return replace(view, last_seq=newest)


def _folded(view: View, event: AnyEvent, now: float) -> View:
    match event:
        case Snapshot():
            return _snapshot(view, event, now)
        case InstanceChanged():
            return _instance_changed(view, event)
        case InstanceEnded():
            return _instance_ended(view, event, now)
        case SwitchProgress():
            return _progressed(view, event, now)
        case SwitchEnded():
            return _switch_ended(view, event, now)
        case QueueChanged():
            return _queue_changed(view, event)
        case SpeedMeasured():
            return _speed_measured(view, event)
        case VerdictReached():
            return _verdict_reached(view, event, now)
        case Activity():
            return _activity(view, event, now)
        case ConfigChanged():
            return _config_changed(view, event, now)
        case _:
            assert_never(event)


def _snapshot(view: View, event: Snapshot, now: float) -> View:
    status, told = event.status, {profile.id: profile for profile in event.profiles}
    live = {i.id: i for i in status.instances if not _is_over(i, told.get(i.profile))}
    view = replace(
        view,
        version=status.version,
        engine=f"{status.engine} {status.engine_version}".strip(),
        current=status.current,
        config=status.config,
        models=tuple(event.profiles),
        instances=live,
        devices=tuple(status.devices),
        requests=tuple(status.requests),
        waiting={profile: n for profile, n in status.queue.items() if n},
        totals=status.totals or Totals(),
        is_stale=False,
        epoch=_epoch(event.time, now, view.epoch),
    )
    return traces.sampled(switches.recalled(view, now), now)


def _is_over(instance: InstanceInfo, row: ProfileInfo | None) -> bool:
    """Told to have ended already: the daemon lists it until its memory was read to be free."""
    ending = instance.phase in ("stopping", "failed")
    return ending and row is not None and row.state in ("unloaded", "queued", "failed")


def _instance_changed(view: View, event: InstanceChanged) -> View:
    info = event.instance
    view = replace(view, instances={**view.instances, info.id: info})
    newest = view.instance_of(info.profile) or info
    changes: dict[str, Any] = {"state": event.state, "instance": newest.id, "stale": newest.stale}
    if info.speed:
        changes["speed"] = info.speed
    if info.verdict:
        changes["verdict"] = info.verdict
    if newest is info and info.phase in rows.SERVING:
        changes |= {"failure": None, "last_load_seconds": info.load_seconds}
    return rows.current_found(rows.with_row(view, info.profile, **changes))


def _instance_ended(view: View, event: InstanceEnded, now: float) -> View:
    others = {id_: i for id_, i in view.instances.items() if id_ != event.instance}
    view = replace(view, instances=others)
    switch = view.switches.get(event.profile)
    if event.failure and not (switch and switch.failure):  # else told with its switch
        view = notices.crash_noted(view, event.profile, event.failure, now)
    if view.instance_of(event.profile):
        return rows.current_found(view)
    gone: dict[str, Any] = {"instance": None, "stale": False}
    gone |= {"failure": event.failure} if event.failure else {}
    view = rows.with_row(view, event.profile, **gone)
    return rows.current_found(rows.settled(view, event.profile))


def _progressed(view: View, event: SwitchProgress, now: float) -> View:
    view = switches.progressed(view, event.profile, event.progress, now)
    return rows.settled(view, event.profile)


def _switch_ended(view: View, event: SwitchEnded, now: float) -> View:
    profile = event.profile
    view = notices.switch_noted(view, event, now)
    match event.outcome:
        case "ready":
            view = rows.with_row(switches.ended(view, profile), profile, failure=None)
            view = _served(view, event)
        case "failed":
            view = switches.failed(view, event, now)
            view = rows.with_row(view, profile, failure=event.failure)
        case "cancelled":
            view = switches.ended(view, profile)
    return rows.settled(view, profile)


def _served(view: View, event: SwitchEnded) -> View:
    """Whoever waited for it is let in now; what only came back is used by nobody."""
    if not view.waiting.get(event.profile):
        return view
    view = rows.with_row(view, event.profile, last_used=event.time or None)
    return replace(view, current=event.profile)


def _queue_changed(view: View, event: QueueChanged) -> View:
    others = {profile: n for profile, n in view.waiting.items() if profile != event.profile}
    waiting = {**others, event.profile: event.waiting} if event.waiting else others
    view = rows.with_row(replace(view, waiting=waiting), event.profile, waiting=event.waiting)
    if not event.waiting:
        view = switches.abandoned(view, event.profile)
    return rows.settled(view, event.profile)


def _speed_measured(view: View, event: SpeedMeasured) -> View:
    view = rows.with_instance(view, event.instance, lambda i: with_fields(i, speed=event.speed))
    return rows.with_row(view, event.profile, speed=event.speed)


def _verdict_reached(view: View, event: VerdictReached, now: float) -> View:
    known = view.instances.get(event.instance)
    before = known.verdict if known else None
    view = notices.verdict_noted(view, event.profile, event.verdict, before, now)
    view = rows.with_instance(view, event.instance, lambda i: with_fields(i, verdict=event.verdict))
    return rows.with_row(view, event.profile, verdict=event.verdict)


def _config_changed(view: View, event: ConfigChanged, now: float) -> View:
    is_stale = bool(event.changed or event.added or event.removed) or view.is_stale
    view = replace(view, config=event.config, is_stale=is_stale)
    return notices.config_noted(view, event, now)


def _activity(view: View, event: Activity, now: float) -> View:
    view = replace(
        rows.current_served(view, event.requests),
        requests=tuple(event.requests),
        devices=tuple(event.devices),
        totals=event.totals,
        pressure=event.pressure,
        epoch=_epoch(event.time, now, view.epoch),
    )
    return rows.current_found(traces.sampled(rows.leased(view, event.requests, event.time), now))


def _epoch(time: str, now: float, known: float | None) -> float | None:
    told = unix(time)
    return known if told is None else told - now
