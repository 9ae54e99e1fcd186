"""The contract: what crosses the HTTP API, in both directions; its events are in `paddock.api.events`.

Clients import these modules and `paddock.api.client`, nothing else of Paddock. Field names are stable;
new fields come with defaults. MiB are binary, times are ISO 8601 in UTC, durations are seconds.
"""

from typing import Any, Literal

import msgspec

from paddock.api.activity import RequestInfo, Totals
from paddock.api.contexts import KeptContext
from paddock.api.nodes import NodeInfo
from paddock.api.placement import Placement, Plan, Speed, Verdict
from paddock.api.pulls import PullInfo
from paddock.api.yielding import YieldInfo

Phase = Literal[
    "starting", "fitting", "loading", "warming", "ready", "busy", "draining", "stopping", "failed"
]
State = Literal["unloaded", "queued", "loading", "ready", "busy", "draining", "stopping", "failed"]
Stage = Literal[
    "downloading",  # its files come from a hub first; `part` names it there
    "queued",  # waits for its turn
    "draining",  # another instance finishes its requests
    "saving",  # another instance saves its context
    "stopping",  # another instance is being stopped
    "memory",  # waits until the memory is really free
    "starting",
    "fitting",
    "loading",
    "warming",
    "restoring",  # it reads back the context that its predecessor saved
    "ready",
    "failed",
    "cancelled",
]


class Failure(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why something did not work, in words for people and a code for programs."""

    code: str
    message: str
    hint: str = ""
    exit_code: int | None = None  # negative: the signal that ended it
    log: list[str] = []  # the last lines of its log


PARTS = {"text_model": "text model", "mmproj_model": "projector", "spec_model": "draft model"}


class Progress(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How far a load is."""

    stage: Stage
    # while loading: `text_model`, `mmproj_model`, `spec_model`; else who is waited for
    part: str = ""
    fraction: float | None = None  # 0 to 1 of this stage, None where nobody knows
    elapsed: float = 0.0  # since the switch began
    eta: float | None = None  # seconds left, from this profile's history
    mib_done: int | None = None
    mib_total: int | None = None

    @property
    def is_in_place(self) -> bool:
        """Whether all bytes are where they belong, whatever comes after that."""
        return self.stage in ("warming", "restoring", "ready")

    @property
    def part_in_words(self) -> str:
        """`text model`, `projector`, `draft model`; else who is waited for."""
        return PARTS.get(self.part, self.part)


class InstanceInfo(msgspec.Struct, kw_only=True, omit_defaults=True):
    id: str
    profile: str
    variants: list[str] = []  # of its profile: other names that it answers to
    phase: Phase
    since: str  # when this phase began
    engine: str = ""
    engine_version: str = ""
    pid: int | None = None
    leases: int = 0  # requests it is serving
    exited: bool = False  # its process has ended; listed until its memory is known to be free
    stale: bool = False  # models.conf has changed since it was started
    adopted: bool = False
    restored_tokens: int = 0  # of contexts that an earlier instance saved
    context: KeptContext | None = None  # None: its profile does not want any kept
    progress: Progress | None = None
    load_seconds: float | None = None
    placement: Placement | None = None
    plan: Plan | None = None  # what was expected of it
    verdict: Verdict | None = None
    speed: Speed | None = None
    demand_mib: dict[str, int] = {}  # what the ledger books for it, by device
    failure: Failure | None = None


class SectionInfo(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One section of models.conf that clients can name: what a profile and a variant have alike."""

    id: str
    line: int | None = None  # of the section
    title: str = ""
    description: str = ""
    aliases: list[str] = []
    bench: bool = False
    hidden: bool = False
    settings: dict[str, Any] = {}  # what a variant changes in a request, by the keys of models.conf


class ProfileInfo(SectionInfo, kw_only=True, omit_defaults=True):
    """A profile and how it stands."""

    state: State
    variants: list[str] = []  # other names of its instance, with request settings of their own
    variant_of: str = ""  # the profile whose instance this is another name for
    pin: bool = False
    priority: int = 0
    ttl: float = 0.0
    replicas: int = 1  # nodes of a cluster that may have it loaded at once for the sake of its load
    rpc_nodes: list[str] = []  # nodes of a cluster whose devices it uses besides its own machine's
    keeps_context: bool = False  # what its slots hold may outlive its instance
    engine: str = ""
    ctx_size: int | None = None
    size_mib: int | None = None
    speed_text: str = ""
    expected_speed: float | None = None
    speed: Speed | None = None  # last measured
    verdict: Verdict | None = None  # of its last load
    instance: str | None = None
    switching: bool = False  # somebody waits for it, or it loads
    stale: bool = False
    waiting: int = 0
    yielded: bool = False  # it needs a GPU, and the GPUs are left to other programs
    last_used: str | None = None
    last_load_seconds: float | None = None
    failure: Failure | None = None  # of the last load, until one succeeds
    args: list[str] = []


class VariantInfo(SectionInfo, kw_only=True, omit_defaults=True):
    """Another name for a profile's instance. How it stands is how its profile does."""

    variant_of: str


class ProfileNow(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What changes of a profile while models.conf stays the same; the fields mean what `ProfileInfo`'s do."""

    state: State
    switching: bool = False
    instance: str | None = None
    stale: bool = False
    speed: Speed | None = None
    verdict: Verdict | None = None
    last_used: str | None = None
    last_load_seconds: float | None = None
    failed: bool = False  # the failure of its last load stands: the event of that end carried it


class InstanceNow(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What changes of an instance with the requests that it serves."""

    id: str
    phase: Phase
    leases: int = 0


class ForeignUse(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A program that is none of ours and takes memory of a device."""

    pid: int
    name: str  # of its program: `Xorg`, `firefox`
    mib: int | None = None  # None where the driver does not report it


class DeviceInfo(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One device of the ledger. None where a value is unknown."""

    name: str  # `CUDA0`, where an engine has named it; else `GPU0`, `Host`
    kind: Literal["gpu", "host"]
    id: str = ""  # stable: a PCI address, `RPC0[host:port]`, `host`
    description: str = ""  # of a GPU its maker and model
    also: list[str] = []  # what the same device is called by other backends of engines: `Vulkan0`
    in_ram: bool = (
        False  # a GPU in the machine's memory, whose sizes count that: the host's row has it, too
    )
    total_mib: int | None = None
    free_mib: int | None = None
    booked_mib: dict[str, int] = {}  # by instance: what the scheduler counts on
    used_mib: dict[str, int] = {}  # by instance: what it was measured to hold
    foreign_mib: int | None = None  # taken by programs that are none of ours
    foreign: list[ForeignUse] = []  # the largest of them
    drives_display: bool | None = None
    utilization: float | None = None  # 0 to 1; of the host: of all processors
    load: float | None = (
        None  # of the host: how many tasks ran or wanted to, mean of the last minute
    )
    temperature_c: int | None = None
    power_w: float | None = None
    power_limit_w: float | None = None
    clock_mhz: int | None = None
    throttled: list[str] = []  # why it runs slower than it could: `thermal`, `power`
    swap_total_mib: int | None = None  # of the host
    swap_used_mib: int | None = None


class ConfigInfo(msgspec.Struct, kw_only=True, omit_defaults=True):
    path: str
    loaded_at: str
    error: Failure | None = None  # why the newest version of the file is not active
    warnings: list[str] = []


class FaultInfo(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An unexpected error inside Paddock; its part goes on working. The daemon's log has the traceback."""

    part: str  # `plans`, `history`, `publishing`, …
    message: str
    first: str  # when
    last: str
    count: int = 1


class Status(msgspec.Struct, kw_only=True, omit_defaults=True):
    version: str
    pid: int
    started_at: str
    current: str | None  # the profile that a request without a model gets
    instances: list[InstanceInfo]
    queue: dict[str, int]  # waiting requests by profile
    devices: list[DeviceInfo]
    config: ConfigInfo
    engine: str = ""
    engine_version: str = ""
    state_dir: str = ""
    listen: list[str] = []
    requests: list[RequestInfo] = []
    totals: Totals | None = None
    yielded: YieldInfo | None = None  # the GPUs are left to other programs
    faults: list[FaultInfo] = []  # unexpected errors of the daemon since it began
    pulls: list[PullInfo] = []  # downloads that are not over
    nodes: list[NodeInfo] = []  # of a stable of many machines; empty: it is one


class SwitchRequest(msgspec.Struct, kw_only=True):
    model: str
    wait: bool = True
    force: bool = False  # also where it is known that it cannot be loaded


class SwitchResult(msgspec.Struct, kw_only=True, omit_defaults=True):
    job: str
    model: str
    outcome: Literal["running", "ready", "failed", "cancelled"]
    seconds: float | None = None
    instance: str | None = None
    restored: list[str] = []  # what is being brought back after a failure
    failure: Failure | None = None


class ModelRequest(msgspec.Struct, kw_only=True):
    """Body of unload and cancel; without a model, all of them."""

    model: str | None = None
    now: bool = False  # do not wait for running requests
    wait: bool = True  # answer when it has ended, or after some seconds if it is still busy


class ShutdownRequest(msgspec.Struct, kw_only=True):
    keep: bool = False  # leave the instances running, for the next daemon to adopt


class ModelResult(msgspec.Struct, kw_only=True, omit_defaults=True):
    success: bool
    models: list[str]
    pending: list[str] = []  # of an unload: those whose instance has not ended yet


class ErrorBody(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Every refusal of the management API."""

    error: Failure


def to_builtins(value: Any) -> Any:
    """Plain dicts and lists, as they would appear in JSON."""
    return msgspec.to_builtins(value)
