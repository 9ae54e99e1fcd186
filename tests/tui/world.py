"""A small honest daemon: it publishes events in the order in which the real one does, and snapshots.

It has the real one's rules for what a profile's state is in one word (`paddock.daemon.reports.view`), and
none of its policy: whoever drives it decides what happens next.
"""

from dataclasses import dataclass, field, fields

from msgspec.structs import replace as with_fields

from paddock.api.activity import RequestInfo, Totals
from paddock.api.events import (
    Activity,
    AnyEvent,
    AnyProfileEvent,
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
from paddock.api.placement import Speed, Verdict
from paddock.api.types import (
    ConfigInfo,
    DeviceInfo,
    Failure,
    InstanceInfo,
    InstanceNow,
    Phase,
    ProfileInfo,
    ProfileNow,
    Progress,
    Stage,
    State,
    Status,
)
from paddock.tui.state import View
from tests.tui.rules import now_of

LOADING: tuple[Phase, ...] = ("starting", "fitting", "loading", "warming")
_TIME = "2026-11-25T20:00:00.000Z"


@dataclass
class World:
    """Profiles and at most one instance of each."""

    profiles: list[str]
    published: list[AnyEvent] = field(default_factory=list)
    live: dict[str, InstanceInfo] = field(default_factory=dict)  # by profile
    waiting: dict[str, int] = field(default_factory=dict)
    underway: set[str] = field(default_factory=set)
    failures: dict[str, Failure] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    speeds: dict[str, Speed] = field(default_factory=dict)
    requests: list[RequestInfo] = field(default_factory=list)
    devices: list[DeviceInfo] = field(default_factory=list)
    served: int = 0
    seq: int = 100
    number: int = 0

    # ---- what can happen ----

    def ask(self, profile: str) -> None:
        """Somebody wants it, and waits where it is not ready."""
        if (known := self.live.get(profile)) and known.phase == "ready":
            return
        self.underway.add(profile)
        self._queue(profile, self.waiting.get(profile, 0) + 1)
        if profile not in self.live:
            self._progress(profile, "queued")
        elif self.live[profile].phase == "stopping":
            self._progress(profile, "stopping")

    def give_up(self, profile: str) -> None:
        """Nobody waits any more: a load that has begun goes on, another is forgotten."""
        known = self.live.get(profile)
        if known is None or known.phase not in LOADING:
            self.underway.discard(profile)
        if profile in self.waiting:
            self._queue(profile, 0)

    def load(self, profile: str) -> None:
        """It is started, or goes one step on."""
        known = self.live.get(profile)
        if known is None:
            self.underway.add(profile)
            self.number += 1
            self._move(self._born(profile), "starting")
        elif known.phase in LOADING[:-1]:
            self._move(known, LOADING[LOADING.index(known.phase) + 1])
        elif known.phase == "warming":
            self._get_ready(known)

    def serve(self, profile: str) -> None:
        """It is loaded, from wherever it stands."""
        while (known := self.live.get(profile)) is None or known.phase in LOADING:
            self.load(profile)

    def fail(self, profile: str) -> None:
        """It ends, and should not: while it loads, or while it serves."""
        known = self.live.get(profile)
        if known is None or known.phase == "stopping":
            return
        failure = Failure(code="load_failed", message=f"{profile} exited with code 1")
        was_loading = known.phase in LOADING
        self._move(known, "failed")
        self.failures[profile] = failure
        if was_loading:
            self._end_switch(profile, known, failure)
        self._forget(profile, failure)

    def stop(self, profile: str) -> None:
        """It is stopped, or has gone."""
        known = self.live.get(profile)
        if known and known.phase == "ready":
            self._move(known, "stopping")
        elif known and known.phase == "stopping":
            self._forget(profile, None)

    def judge(self, profile: str, verdict: Verdict) -> None:
        known = self.live.get(profile)
        if known and known.phase == "ready":
            self.verdicts[profile] = verdict
            self.live[profile] = with_fields(known, verdict=verdict)
            self._tell(VerdictReached(profile=profile, instance=known.id, verdict=verdict))

    def measure(self, profile: str, speed: Speed) -> None:
        known = self.live.get(profile)
        if known and known.phase == "ready":
            self.speeds[profile] = speed
            self.live[profile] = with_fields(known, speed=speed)
            self._tell(SpeedMeasured(profile=profile, instance=known.id, speed=speed))

    def work(self, streams: dict[str, int], devices: list[DeviceInfo]) -> None:
        """So many requests go on at each ready profile, and those who wait, wait."""
        self.requests, self.devices = [], devices
        for profile, known in self.live.items():
            if known.phase == "ready":
                for _ in range(streams.get(profile, 0)):
                    self.served += 1
                    self.requests.append(_request(self.served, profile, known.id))
        self.read()

    def read(self) -> None:
        """What goes on just now: a second after events the real one says it anew."""
        self.published.append(
            Activity(
                seq=self.seq,
                time=_TIME,
                requests=list(self.requests),
                devices=self.devices,
                totals=Totals(requests=self.served),
                instances=[
                    InstanceNow(id=seen.id, phase=seen.phase, leases=seen.leases)
                    for seen in map(self._seen, self.live.values())
                ],
                profiles={profile: self._now(profile) for profile in self.live},
            )
        )

    # ---- the whole ----

    def snapshot(self) -> Snapshot:
        status = Status(
            version="0",
            pid=1,
            started_at=_TIME,
            current=None,
            instances=[self._seen(known) for known in self.live.values()],
            queue=dict(self.waiting),
            devices=self.devices,
            config=ConfigInfo(path="models.conf", loaded_at=_TIME),
            requests=list(self.requests),
            totals=Totals(requests=self.served),
        )
        rows = [self._row(profile) for profile in self.profiles]
        return Snapshot(seq=self.seq, time=_TIME, status=status, profiles=rows)

    def _row(self, profile: str) -> ProfileInfo:
        known = self.live.get(profile)
        return ProfileInfo(
            id=profile,
            state=self._state(profile),
            speed=self.speeds.get(profile),
            verdict=self.verdicts.get(profile),
            instance=known.id if known else None,
            switching=profile in self.underway,
            waiting=self.waiting.get(profile, 0),
            failure=None if known and known.phase == "ready" else self.failures.get(profile),
        )

    def _now(self, profile: str) -> ProfileNow:
        return now_of(self._row(profile))

    def _state(self, profile: str) -> State:
        known = self.live.get(profile)
        if known is None:
            if profile in self.underway:
                return "queued"
            return "failed" if profile in self.failures else "unloaded"
        if known.phase in LOADING:
            return "loading"
        if known.phase == "stopping":
            return "stopping"
        return "busy" if self._streams(known) else "ready"

    def _seen(self, known: InstanceInfo) -> InstanceInfo:
        streams = self._streams(known)
        busy: Phase = "busy" if known.phase == "ready" and streams else known.phase
        progress = Progress(stage=_stage(known.phase)) if known.phase in LOADING else None
        return with_fields(known, leases=streams, phase=busy, progress=progress)

    def _streams(self, known: InstanceInfo) -> int:
        return sum(request.instance == known.id for request in self.requests)

    # ---- telling ----

    def _born(self, profile: str) -> InstanceInfo:
        return InstanceInfo(
            id=f"{profile}.{self.number}", profile=profile, phase="starting", since=_TIME
        )

    def _move(self, known: InstanceInfo, phase: Phase) -> None:
        self.live[known.profile] = moved = with_fields(known, phase=phase)
        self._tell(InstanceChanged(instance=self._seen(moved), state=self._state(known.profile)))
        if known.profile in self.underway:
            self._progress(known.profile, _stage(phase))

    def _get_ready(self, known: InstanceInfo) -> None:
        ready = with_fields(known, phase="ready", load_seconds=2.0)
        self._tell(InstanceChanged(instance=ready, state="ready"))
        self._progress(known.profile, "ready")
        self.live[known.profile] = ready
        self.failures.pop(known.profile, None)
        self._end_switch(known.profile, ready, None)

    def _end_switch(self, profile: str, known: InstanceInfo, failure: Failure | None) -> None:
        self.underway.discard(profile)
        self._tell(
            SwitchEnded(
                profile=profile,
                outcome="failed" if failure else "ready",
                seconds=2.0,
                instance=known.id,
                failure=failure,
            )
        )
        if profile in self.waiting:
            self._queue(profile, 0)

    def _forget(self, profile: str, failure: Failure | None) -> None:
        known = self.live.pop(profile)
        self._tell(InstanceEnded(instance=known.id, profile=profile, failure=failure))

    def _queue(self, profile: str, waiting: int) -> None:
        self.waiting.pop(profile, None)
        if waiting:
            self.waiting[profile] = waiting
        self._tell(QueueChanged(profile=profile, waiting=waiting))

    def _progress(self, profile: str, stage: Stage) -> None:
        self._tell(SwitchProgress(profile=profile, progress=Progress(stage=stage)))

    def _tell(self, event: AnyProfileEvent | SpeedMeasured | VerdictReached) -> None:
        self.seq += 1
        if isinstance(event, ProfileEvent):
            now = self._now(event.profile)
            state: State = "ready" if now.state == "busy" else now.state
            event = with_fields(event, now=with_fields(now, state=state))
        self.published.append(with_fields(event, seq=self.seq, time=_TIME))


def _stage(phase: Phase) -> Stage:
    return phase if phase in ("starting", "fitting", "loading", "warming", "failed") else "stopping"


def _request(number: int, profile: str, instance: str) -> RequestInfo:
    return RequestInfo(id=number, profile=profile, instance=instance, phase="generating", speed=9.0)


def comparable(view: View) -> dict[str, object]:
    """What both tell: not who is the current one, nor what only one of them can know."""
    published = ("waiting", "requests", "devices", "totals", "last_seq")
    known: dict[str, object] = {
        f.name: getattr(view, f.name) for f in fields(view) if f.name in published
    }
    known["models"] = [with_fields(m, last_used=None, last_load_seconds=None) for m in view.models]
    known["instances"] = {
        id_: (i.profile, i.phase, i.leases, i.verdict, i.speed) for id_, i in view.instances.items()
    }
    known["switches"] = {p for p, s in view.switches.items() if not s.failure}
    return known
