"""The events of the HTTP API: `type` names the fact, `seq` orders them, `time` says when."""

from typing import Literal

import msgspec

from paddock.api.activity import RequestInfo, Totals
from paddock.api.bench import BenchNow
from paddock.api.placement import Speed, Verdict
from paddock.api.pulls import PullInfo
from paddock.api.switches import SwitchPhase
from paddock.api.tunings import TuningNow
from paddock.api.types import (
    ConfigInfo,
    DeviceInfo,
    Failure,
    FaultInfo,
    InstanceInfo,
    InstanceNow,
    ProfileInfo,
    ProfileNow,
    Progress,
    State,
    Status,
    VariantInfo,
)
from paddock.api.yielding import YieldInfo


class Event(msgspec.Struct, kw_only=True, tag_field="type", omit_defaults=True):
    seq: int = 0
    time: str = ""


class ProfileEvent(Event, kw_only=True):
    """What happened to one profile, and how things stand after it: no reader need conclude that.

    Who is busy changes without an event: here that is `ready`, and `Activity` says which it is.
    """

    now: ProfileNow | None = None  # None from a daemon older than this field
    current: str | None = None  # as in `Status`


class Snapshot(Event, tag="snapshot", kw_only=True):
    """The whole truth at `seq`; always the first event of a stream that does not resume."""

    status: Status
    profiles: list[ProfileInfo]
    variants: list[VariantInfo] = []


class InstanceChanged(ProfileEvent, tag="instance", kw_only=True):
    instance: InstanceInfo
    state: State  # of its profile

    @property
    def profile(self) -> str:
        return self.instance.profile


class InstanceEnded(ProfileEvent, tag="instance-ended", kw_only=True):
    instance: str
    profile: str
    failure: Failure | None = None


class SwitchProgress(ProfileEvent, tag="progress", kw_only=True):
    profile: str
    instance: str | None = None
    progress: Progress


class SwitchEnded(ProfileEvent, tag="switch-ended", kw_only=True):
    profile: str
    outcome: Literal["ready", "failed", "cancelled"]
    seconds: float
    instance: str | None = None
    restored: list[str] = []
    failure: Failure | None = None
    phases: list[SwitchPhase] = []  # what took these seconds, in its order


class QueueChanged(ProfileEvent, tag="queue", kw_only=True):
    profile: str
    waiting: int


class SpeedMeasured(Event, tag="speed", kw_only=True):
    profile: str
    instance: str
    speed: Speed
    prompt_tokens: int = 0
    generated_tokens: int = 0


class VerdictReached(Event, tag="verdict", kw_only=True):
    """A load was compared with its plan and its history, for the first time or anew."""

    profile: str
    instance: str
    verdict: Verdict


class Activity(Event, tag="activity", kw_only=True):
    """What happens now: published every second while somebody watches and something changes.

    A reading, not a fact: it is not repeated to readers that resume.
    """

    requests: list[RequestInfo]
    devices: list[DeviceInfo]
    totals: Totals
    pressure: float | None = None  # percent of the last 10 s in which tasks waited for memory
    current: str | None = None  # as in `Status`
    instances: list[InstanceNow] = []  # those that live
    profiles: dict[str, ProfileNow] = {}  # theirs
    faults: list[FaultInfo] = []  # as in `Status`


class ConfigChanged(Event, tag="config", kw_only=True):
    """models.conf was read again: what changed, or why nothing did."""

    config: ConfigInfo
    changed: list[str] = []
    added: list[str] = []
    removed: list[str] = []


class YieldChanged(Event, tag="yield", kw_only=True):
    """The GPUs were yielded, or for another time than before; None: they are Paddock's again."""

    yielded: YieldInfo | None = None


class PullChanged(Event, tag="pull", kw_only=True):
    """A download began, went on, or ended; while it runs, one each second at most."""

    pull: PullInfo


class TuningChanged(Event, tag="tuning", kw_only=True):
    """A study began, went a step on, or ended."""

    tuning: TuningNow


class BenchChanged(Event, tag="bench", kw_only=True):
    """A benchmark went a step on, or ended."""

    bench: BenchNow


AnyProfileEvent = InstanceChanged | InstanceEnded | SwitchProgress | SwitchEnded | QueueChanged
AnyEvent = (
    Snapshot | AnyProfileEvent | SpeedMeasured | VerdictReached | Activity | ConfigChanged
    | YieldChanged | PullChanged | TuningChanged | BenchChanged
)  # fmt: skip
