"""Wire types about memory and speed: where a model lies or would lie, and whether that is as it should be.

MiB are binary, speeds are tokens/s. Devices carry the engine's own names (`CUDA0`, `RPC1`, `Host`).
"""

from typing import Literal

import msgspec

from paddock.api.contexts import Spared
from paddock.api.weights import LoadedWeights

BufferKind = Literal["model", "context", "compute", "output"]
PageCache = Literal["warm", "cold"]
VerdictState = Literal["verified", "degraded", "unknown"]


class Buffer(msgspec.Struct, kw_only=True):
    """One buffer that llama.cpp reported."""

    device: str  # `CUDA0`, `RPC0`, `Host`
    kind: BufferKind
    mib: float


class Placement(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Where an instance's bytes lie, by its own log."""

    buffers: list[Buffer] = []
    layers: int | None = None
    layers_offloaded: int | None = None  # as printed; proves nothing on its own
    layers_overflowing: int | None = None  # layers of which parts lie elsewhere
    graph_splits: int | None = None  # prompt graph
    graph_splits_tg: int | None = None  # generation graph, where it differs
    n_ctx: int | None = None
    free: dict[str, int] = {}  # MiB of each device just before this load
    replayed: bool = False  # as an earlier rehearsal found it, given as flags: nothing was searched
    load_mode: str = ""  # how its weights came from the disk: `mmap`, `none`, `dio`, …
    load_mode_why: str = ""  # in words, where Paddock chose it
    weights: LoadedWeights | None = None  # what of them was cached; None: nobody looked
    warnings: list[str] = []  # fit's own complaints


class DevicePlan(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a profile will take of one device, in MiB."""

    device: str
    id: str = ""  # the ledger's own name: a PCI address, `RPC0[host:port]`, `host`
    description: str = (
        ""  # as its engine calls it: `NVIDIA H100 80GB HBM3`; of RPC devices the endpoint
    )
    model: int = 0
    context: int = 0
    compute: int = 0
    overhead: int = 0  # beside llama.cpp's own buffers: the driver's context and libraries
    margin: int = 0  # what the profile wants to stay free (--fit-target)
    available: int | None = None  # what there is when all of our own instances have left
    size: int | None = None  # of the whole device
    layers: int | None = None
    overflowing: int = 0  # of these layers, those of which parts lie elsewhere
    in_ram: bool = False  # a GPU that shares the machine's memory: what lies on it takes RAM
    set_aside: int | None = None  # what its driver has free of the RAM that is its alone

    @property
    def total(self) -> int:
        """All that the device must have for it, MiB, the margin not counted."""
        return self.model + self.context + self.compute + self.overhead

    @property
    def left(self) -> int | None:
        """MiB that stay free, margin included; negative where it does not fit."""
        return None if self.available is None else self.available - self.total

    @property
    def is_all_margin(self) -> bool:
        """Whether nothing lies on it, as all that it has is to stay free; it may compute for what lies in RAM."""
        is_too_small = self.available is not None and 0 < self.available <= self.margin
        return is_too_small and not self.model and not self.context


class Plan(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Where a profile's bytes will lie, before anything is loaded."""

    profile: str
    fingerprint: str = ""
    source: Literal["engine", "estimate"]  # llama.cpp's own fit, or our sum of the file's facts
    fits: bool  # False: loading it would fail, or llama.cpp would give up fitting
    engine: str = ""
    engine_version: str = ""
    made_at: str = ""
    seconds: float = 0.0  # that planning took
    devices: list[DevicePlan] = []  # in the engine's order, the host last
    n_ctx: int | None = None  # tokens; what fit left
    n_ctx_wanted: int | None = None  # asked for, or trained
    layers: int | None = None
    layers_on_devices: int | None = None
    experts_in_ram: int = 0  # layers of which experts lie in host memory
    refused_mib: int = 0  # weights of layers on devices that these refuse, and that lie in RAM
    refused: str = ""  # which, where llama.cpp names one of them
    graph_splits: int | None = None
    steps: list[str] = []  # what fit had to do, in words
    notes: list[str] = []  # why, in words: who takes the memory, what goes where
    warnings: list[str] = []  # what the owner should know before loading it
    refusal: str = ""  # which engine cannot load the files at all, and its own words
    replay: list[str] = []  # flags that give the same without a search; empty: each load searches
    replay_weights: dict[
        str, int
    ] = {}  # MiB of the model's own on each device, to compare such a load with
    gpus: list[str] = []  # ids of all the GPUs that there were, used or not

    def device(self, name: str) -> DevicePlan | None:
        """What it takes of the device of this name."""
        return next((d for d in self.devices if d.device == name), None)


class Speed(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Of the last requests that were long enough and had their devices for themselves, tokens/s."""

    prompt: float | None = None
    generation: float | None = None


class Reason(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One finding about a load. Each code has its heading in docs/troubleshooting.md."""

    code: str
    message: str
    hint: str = ""


class Verdict(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Whether a load lies and runs as it should."""

    state: VerdictState
    reasons: list[Reason] = []  # what is wrong, and why where that can be known
    placement: VerdictState = "unknown"
    speed: VerdictState = "unknown"
    generation: float | None = None  # median of what was measured in this load, tokens/s
    prompt: float | None = None
    expected_generation: float | None = None  # from `SPEED`, or the best of the same kind of load
    samples: int = 0  # measured requests behind these numbers


class LoadEntry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One load of a profile, as the history remembers it."""

    id: int = 0  # its number, given when it is written down
    instance: str
    profile: str
    fingerprint: str
    engine: str = ""
    engine_version: str = ""
    devices: str = ""  # driver and devices, as one comparable text
    ended_at: str = ""  # when it got ready, failed or was cancelled
    seconds: float = 0.0
    outcome: str = ""  # `ready`, `failed`, `cancelled`
    cause: str = ""  # why it failed
    placement: Placement | None = None
    verdict: Verdict | None = None
    generation: float | None = None  # median tokens/s of what it served
    prompt: float | None = None
    samples: int = 0


class LoadMode(msgspec.Struct, kw_only=True):
    """A load mode that this machine's own loads of a profile name: it is given to loads."""

    mode: str  # `none`, `dio`
    page_cache: PageCache  # for loads whose files are cached (90 % or more), or not (half or less)
    why: str


class History(msgspec.Struct, kw_only=True):
    """Loads of one profile, the newest first."""

    profile: str
    loads: list[LoadEntry]
    context: Spared | None = None  # None from a daemon older than this field
    load_modes: list[LoadMode] = []  # those chosen for its next loads


class Pair(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Whether two profiles can be resident together."""

    one: str
    other: str
    fits: bool
    why: str = ""  # the sum that does not work out


class Plans(msgspec.Struct, kw_only=True):
    """A page of the profiles' plans, in the order of models.conf."""

    plans: list[Plan]
    total: int  # profiles that there are
    offset: int = 0  # how many of them come before this page


class Pairs(msgspec.Struct, kw_only=True):
    """A page of the pairs of all profiles, or of those of one profile."""

    pairs: list[Pair]
    total: int  # pairs that there are
    offset: int = 0  # how many of them come before this page


class Advice(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Something that could be better. Each code has its heading in docs/troubleshooting.md."""

    code: str
    severity: Literal["error", "warning", "info"]
    message: str
    hint: str = ""
    profile: str = ""  # empty: the machine
    line: int = 0  # of models.conf, where one is to blame


class Checkup(msgspec.Struct, kw_only=True):
    """What `paddock doctor` found."""

    advice: list[Advice]
