"""What the dashboard knows after one more event. Pure, total, and bounded in what it keeps.

`view = reduce_news(view, news, now)` for everything that a feed reports. `now` is the dashboard's own
monotonic clock, in seconds. A snapshot replaces all but notices, traces and the failures that nobody has
read yet; an event that was reduced before changes nothing.

Events carry how things stand after them (`ProfileNow`, `current`), so the reducer only replaces: the
daemon's rules are the daemon's alone.
"""

from dataclasses import replace
from typing import assert_never

from paddock.api.activity import Totals
from paddock.api.events import (
    Activity,
    AnyEvent,
    BenchChanged,
    ConfigChanged,
    InstanceChanged,
    InstanceEnded,
    ProfileEvent,
    PullChanged,
    QueueChanged,
    Snapshot,
    SpeedMeasured,
    SwitchEnded,
    SwitchProgress,
    TuningChanged,
    VerdictReached,
    YieldChanged,
)
from paddock.figures.units import unix
from paddock.tui import notices, rows, switches, traces
from paddock.tui.state import LinkChanged, News, View


def reduce_news(view: View, news: News, now: float) -> View:
    """After anything that a feed reports."""
    if not isinstance(news, LinkChanged):
        return reduce(view, news, now)
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
    """The daemon has answered: from here on it sends what happens."""
    if view.link == "live":
        return view
    was_lost = bool(view.link_error)
    view = replace(traces.advanced(view, now), link="live", link_error="")
    return notices.noted(view, "link", "connected", now) if was_lost else view


def lost(view: View, error: str, now: float) -> View:
    """The connection broke, or did not come about. Noted once, however often it is tried again."""
    is_news = not view.link_error
    error = error or "the connection broke"
    view = replace(traces.advanced(view, now), link="lost", link_error=error)
    return notices.noted(view, "link", error, now) if is_news else view


# ---- time and the reader ----


def ticked(view: View, now: float) -> View:
    """The traces go on while nothing happens; once a second is often enough."""
    return traces.advanced(view, now)


def dismissed(view: View, profile: str) -> View:
    """Its failed switch was read."""
    failed = view.switches.get(profile)
    return switches.ended(view, profile) if failed and failed.failure else view


# ---- events ----


def reduce(view: View, event: AnyEvent, now: float) -> View:
    """After this event."""
    # A restarted daemon may count from less.
    is_numbered = not isinstance(event, Snapshot | Activity)
    if is_numbered and event.seq <= view.last_seq:
        return view
    view = _after(connected(view, now), event, now)
    if isinstance(event, ProfileEvent):
        view = rows.standing(view, event)
    newest = event.seq if isinstance(event, Snapshot) else max(view.last_seq, event.seq)
    return replace(view, last_seq=newest)


def _after(view: View, event: AnyEvent, now: float) -> View:
    match event:
        case Snapshot():
            return _snapshot(view, event, now)
        case InstanceChanged():
            return rows.with_instances(view, [event.instance])
        case InstanceEnded():
            return _instance_ended(view, event, now)
        case SwitchProgress():
            return switches.progressed(view, event.profile, event.progress, now)
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
        case YieldChanged():
            return notices.yield_noted(replace(view, yielded=event.yielded), now)
        case PullChanged():
            return notices.pull_noted(view, event.pull, now)
        case TuningChanged():
            return notices.tuning_noted(view, event.tuning, now)
        case BenchChanged():
            return notices.bench_noted(view, event.bench, now)
        case _:
            assert_never(event)


def _snapshot(view: View, event: Snapshot, now: float) -> View:
    status = event.status
    view = replace(
        view,
        version=status.version,
        engine=f"{status.engine} {status.engine_version}".strip(),
        current=status.current,
        config=status.config,
        yielded=status.yielded,
        faults=tuple(status.faults),
        nodes=tuple(status.nodes),
        models=tuple(event.profiles),
        variants=tuple(event.variants),
        instances={},
        devices=tuple(status.devices),
        requests=tuple(status.requests),
        waiting={profile: n for profile, n in status.queue.items() if n},
        totals=status.totals or Totals(),
        is_stale=False,
        epoch=_epoch(event.time, now, view.epoch),
    )
    view = rows.with_instances(view, status.instances)
    return traces.sampled(switches.recalled(view, now), now)


def _instance_ended(view: View, event: InstanceEnded, now: float) -> View:
    others = {id_: i for id_, i in view.instances.items() if id_ != event.instance}
    view = _with_failure(replace(view, instances=others), event)
    switch = view.switches.get(event.profile)
    if event.failure and not (switch and switch.failure):  # else its switch has said so
        return notices.crash_noted(view, event.profile, event.failure, now)
    return view


def _switch_ended(view: View, event: SwitchEnded, now: float) -> View:
    view = _with_failure(notices.switch_noted(view, event, now), event)
    if event.outcome == "failed":
        return switches.failed(view, event, now)
    return switches.ended(view, event.profile)


def _with_failure(view: View, event: InstanceEnded | SwitchEnded) -> View:
    if event.failure is None:
        return view
    return rows.with_row(view, event.profile, failure=event.failure)


def _queue_changed(view: View, event: QueueChanged) -> View:
    others = {profile: n for profile, n in view.waiting.items() if profile != event.profile}
    waiting = {**others, event.profile: event.waiting} if event.waiting else others
    return rows.with_row(replace(view, waiting=waiting), event.profile, waiting=event.waiting)


def _speed_measured(view: View, event: SpeedMeasured) -> View:
    view = rows.with_instance(view, event.instance, speed=event.speed)
    return rows.with_row(view, event.profile, speed=event.speed)


def _verdict_reached(view: View, event: VerdictReached, now: float) -> View:
    known = view.instances.get(event.instance)
    before = known.verdict if known else None
    view = notices.verdict_noted(view, event.profile, event.verdict, before, now)
    view = rows.with_instance(view, event.instance, verdict=event.verdict)
    return rows.with_row(view, event.profile, verdict=event.verdict)


def _config_changed(view: View, event: ConfigChanged, now: float) -> View:
    is_stale = bool(event.changed or event.added or event.removed) or view.is_stale
    view = replace(view, config=event.config, is_stale=is_stale)
    return notices.config_noted(view, event, now)


def _activity(view: View, event: Activity, now: float) -> View:
    view = replace(
        rows.serving(view, event),
        requests=tuple(event.requests),
        devices=tuple(event.devices),
        totals=event.totals,
        pressure=event.pressure,
        faults=tuple(event.faults),
        epoch=_epoch(event.time, now, view.epoch),
    )
    return traces.sampled(view, now)


def _epoch(time: str, now: float, known: float | None) -> float | None:
    at = unix(time)
    return known if at is None else at - now
