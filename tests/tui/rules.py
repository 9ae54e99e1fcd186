"""What a daemon says of profiles beside its events, for histories that are written by hand.

The rules are those of `paddock.daemon`'s view; `World` has them too, but holds no history.
"""

from msgspec.structs import replace as with_fields

from paddock.api.events import (
    Activity,
    AnyEvent,
    InstanceChanged,
    InstanceEnded,
    ProfileEvent,
    QueueChanged,
    Snapshot,
    SpeedMeasured,
    SwitchEnded,
    SwitchProgress,
    VerdictReached,
)
from paddock.api.types import InstanceInfo, InstanceNow, ProfileInfo, ProfileNow, State

NOT_BEGUN = ("queued", "draining", "saving", "stopping", "memory")
SERVING = ("ready", "busy")


def now_of(row: ProfileInfo) -> ProfileNow:
    """What a row says of the moment."""
    names = [name for name in ProfileNow.__struct_fields__ if name != "failed"]
    return ProfileNow(**{name: getattr(row, name) for name in names}, failed=bool(row.failure))


class Rules:
    """A daemon's books, as far as its events show them."""

    def __init__(self) -> None:
        self._rows: dict[str, ProfileInfo] = {}
        self._live: dict[str, InstanceInfo] = {}
        self._stages: dict[str, str] = {}  # of the switches under way
        self._waiting: dict[str, int] = {}
        self._current: str | None = None
        self._let_in: set[int] = set()

    def stamped(self, event: AnyEvent) -> AnyEvent:
        """The event, with how things stand after it."""
        self._note(event)
        if isinstance(event, ProfileEvent):
            if event.profile not in self._rows:
                return event
            return with_fields(event, now=self._now(event.profile), current=self._current)
        if isinstance(event, Activity):
            return with_fields(
                event,
                current=self._current,
                instances=[
                    InstanceNow(id=i.id, phase=i.phase, leases=i.leases)
                    for i in self._live.values()
                ],
                profiles={
                    i.profile: self._now(i.profile)
                    for i in self._live.values()
                    if i.profile in self._rows
                },
            )
        return event

    def _now(self, profile: str) -> ProfileNow:
        row = self._rows[profile]
        return now_of(with_fields(row, switching=profile in self._stages))

    def _note(self, event: AnyEvent) -> None:
        match event:
            case Snapshot():
                self._begin(event)
            case InstanceChanged():
                self._instance(event)
            case InstanceEnded():
                self._ended(event)
            case SwitchProgress():
                self._stages[event.profile] = event.progress.stage
                self._settle(event.profile)
            case SwitchEnded():
                self._switched(event)
            case QueueChanged():
                self._queued(event)
            case SpeedMeasured():
                self._put(event.profile, speed=event.speed)
            case VerdictReached():
                self._put(event.profile, verdict=event.verdict)
            case Activity():
                self._working(event)
            case _:
                pass  # models.conf says nothing of how profiles stand

    def _begin(self, event: Snapshot) -> None:
        self._rows = {row.id: row for row in event.profiles}
        self._live = {i.id: i for i in event.status.instances if not i.exited}
        self._waiting = dict(event.status.queue)
        self._current = event.status.current
        self._let_in = {r.id for r in event.status.requests if r.instance}
        self._stages = {row.id: "loading" for row in event.profiles if row.switching}

    def _instance(self, event: InstanceChanged) -> None:
        info = event.instance
        self._live[info.id] = info
        newest = self._of(info.profile) or info
        self._put(info.profile, state=event.state, instance=newest.id, stale=newest.stale)
        if info.speed:
            self._put(info.profile, speed=info.speed)
        if info.verdict:
            self._put(info.profile, verdict=info.verdict)
        if newest is info and info.phase in SERVING:
            self._put(info.profile, failure=None, last_load_seconds=info.load_seconds)
        self._find_current()

    def _ended(self, event: InstanceEnded) -> None:
        self._live.pop(event.instance, None)
        if self._of(event.profile) is None:
            self._put(event.profile, instance=None, stale=False)
            if event.failure:
                self._put(event.profile, failure=event.failure)
            self._settle(event.profile)
        self._find_current()

    def _switched(self, event: SwitchEnded) -> None:
        profile = event.profile
        self._stages.pop(profile, None)
        if event.outcome == "failed":
            self._put(profile, failure=event.failure)
        if event.outcome == "ready":
            self._put(profile, failure=None)
            if self._waiting.get(profile):  # let in now
                self._put(profile, last_used=event.time or None)
                self._current = profile
        self._settle(profile)

    def _queued(self, event: QueueChanged) -> None:
        self._waiting[event.profile] = event.waiting
        if not event.waiting and self._stages.get(event.profile) in NOT_BEGUN:
            del self._stages[event.profile]
        self._settle(event.profile)

    def _working(self, event: Activity) -> None:
        admitted = [r for r in event.requests if r.instance]
        for request in sorted(admitted, key=lambda r: r.id):
            if request.id not in self._let_in:
                self._current = request.profile
        self._let_in = {r.id for r in admitted}
        for info in list(self._live.values()):
            self._serve(info, sum(r.instance == info.id for r in admitted), event.time)
        self._find_current()

    def _serve(self, info: InstanceInfo, leases: int, time: str) -> None:
        is_serving = info.phase in SERVING
        phase = ("busy" if leases else "ready") if is_serving else info.phase
        self._live[info.id] = changed = with_fields(info, leases=leases, phase=phase)
        if self._of(info.profile) is not changed:
            return
        if is_serving:
            self._put(info.profile, state=phase)
        if leases and time:
            self._put(info.profile, last_used=time)

    # ---- the rules ----

    def _of(self, profile: str) -> InstanceInfo | None:
        found = [i for i in self._live.values() if i.profile == profile]
        return found[-1] if found else None

    def _put(self, profile: str, **changes: object) -> None:
        if profile in self._rows:
            self._rows[profile] = with_fields(self._rows[profile], **changes)

    def _settle(self, profile: str) -> None:
        if profile in self._rows and self._of(profile) is None:
            self._put(profile, state=self._alone(profile))

    def _alone(self, profile: str) -> State:
        if self._waiting.get(profile) or profile in self._stages:
            return "queued"
        return "failed" if self._rows[profile].failure else "unloaded"

    def _find_current(self) -> None:
        serving = [i.profile for i in self._live.values() if i.phase in (*SERVING, "draining")]
        if self._current not in serving:
            self._current = serving[-1] if serving else None
