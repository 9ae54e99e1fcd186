"""What the dashboard knows: everything that the daemon has sent, reduced. Pure.

Screens and widgets draw a `View` and hold no truth of their own. `paddock.tui.reducer` makes one from
the events; here are only the words, and what is read off them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from paddock.api.activity import RequestInfo, Totals
from paddock.api.events import AnyEvent
from paddock.api.nodes import NodeInfo
from paddock.api.types import (
    ConfigInfo,
    DeviceInfo,
    Failure,
    FaultInfo,
    InstanceInfo,
    ProfileInfo,
    Progress,
    VariantInfo,
)
from paddock.api.yielding import YieldInfo

Link = Literal["connecting", "live", "lost"]
NoticeKind = Literal[
    "ready", "failed", "cancelled", "degraded", "config", "link", "yield", "pull", "tuning", "bench"
]


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """What became of the connection: beside the events, all that a feed reports."""

    link: Link
    error: str = ""  # why it is lost


News = AnyEvent | LinkChanged


@dataclass(frozen=True, slots=True)
class Switch:
    """A switch under way, or one that has just failed and was not yet read."""

    profile: str
    progress: Progress
    began: float  # by the dashboard's clock
    reported: float  # when the progress came, by the same clock
    failure: Failure | None = None
    restored: tuple[str, ...] = ()  # who was brought back after a failure
    first: tuple[float, int] | None = None  # when MiB were first reported, and how many


@dataclass(frozen=True, slots=True)
class Notice:
    """One line of what happened, for the foot of the screen."""

    kind: NoticeKind
    text: str
    at: float  # by the dashboard's clock
    profile: str = ""  # whom it is about, where it is about one


@dataclass(frozen=True, slots=True)
class Trace:
    """The last minutes of one number, oldest first, one value a second; None where nobody knew."""

    values: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """Everything that the screens draw."""

    link: Link = "connecting"
    link_error: str = ""  # why it is lost, in words
    version: str = ""
    engine: str = ""
    url: str = ""
    current: str | None = None
    config: ConfigInfo | None = None
    yielded: YieldInfo | None = None
    faults: tuple[FaultInfo, ...] = ()  # unexpected errors of the daemon's own parts
    nodes: tuple[NodeInfo, ...] = ()  # of a stable of many machines
    models: tuple[ProfileInfo, ...] = ()  # in the file's order
    variants: tuple[VariantInfo, ...] = ()  # likewise
    instances: Mapping[str, InstanceInfo] = field(default_factory=dict)  # by id, live ones
    switches: Mapping[str, Switch] = field(default_factory=dict)  # by profile
    devices: tuple[DeviceInfo, ...] = ()
    requests: tuple[RequestInfo, ...] = ()
    waiting: Mapping[str, int] = field(default_factory=dict)  # requests by profile
    totals: Totals = field(default_factory=Totals)
    pressure: float | None = None  # of memory, percent
    traces: Mapping[str, Trace] = field(default_factory=dict)  # `generation`, `used:CUDA0`, …
    notices: tuple[Notice, ...] = ()  # the newest last
    last_seq: int = 0
    is_stale: bool = False  # models.conf changed: only a fresh snapshot says what the profiles are
    heard: float | None = None  # when requests and devices last came, by the dashboard's clock
    traced: int | None = None  # the second of the newest values of all traces, by the same clock
    epoch: float | None = None  # Unix time, by the daemon's clock, when the dashboard's was 0

    def model(self, profile: str) -> ProfileInfo | None:
        return next((m for m in self.models if m.id == profile), None)

    def named(self, name: str) -> ProfileInfo | VariantInfo | None:
        """The profile or variant of this id."""
        return self.model(name) or next((v for v in self.variants if v.id == name), None)

    def profile_of(self, name: str) -> str:
        """The profile that this is another name for; else the name itself."""
        found = self.named(name)
        return found.variant_of if isinstance(found, VariantInfo) else name

    def instance_of(self, profile: str) -> InstanceInfo | None:
        """Its live instance; the newest, if an old one is still leaving."""
        found = [i for i in self.instances.values() if i.profile == profile]
        return found[-1] if found else None
