"""Wire types of benchmarks: what `paddock bench` measured of profiles, kept as runs.

Seconds, tokens/s, MiB, watts. A figure that was measured repeatedly is a `Spread`.
"""

from typing import Literal

import msgspec

from paddock.api.types import Failure

RunOutcome = Literal["running", "done", "interrupted"]


class Spread(msgspec.Struct, kw_only=True, frozen=True):
    """What repeated measurements of one figure came to."""

    median: float
    low: float  # the smallest
    high: float  # the largest
    samples: list[float]  # in the order in which they were measured

    @property
    def width(self) -> float:
        """How far the extremes lie apart."""
        return self.high - self.low


class FirstRequest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The first request after a load: slower than those after it, and never counted with them."""

    depth: int  # tokens of its prompt
    first_token: float  # seconds
    prompt: float | None = None
    generation: float | None = None


class DepthFigures(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One stream, with a prompt of so many tokens of which nothing was cached."""

    depth: int  # tokens
    first_token: Spread | None = None  # seconds, as a client sees it
    prompt: Spread | None = None  # over the whole prompt
    generation: Spread | None = None  # of the tokens that follow it
    prompt_watts: float | None = None  # mean of all GPUs together while prompts were read
    generation_watts: float | None = None
    prompt_tokens_per_joule: float | None = None
    generation_tokens_per_joule: float | None = None
    drafted: float | None = None  # share of the drafted tokens that were accepted, 0 to 1
    beside_traffic: int = 0  # samples that other requests ran beside


class StreamFigures(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Several streams at once, each with a prompt of its own."""

    streams: int
    depth: int  # tokens of each prompt
    first_token: Spread | None = None  # seconds until the last of them had its first
    generation: Spread | None = None  # tokens/s of all answers, by the whole time, prompts included
    beside_traffic: int = 0


class BenchLoad(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One load of the run."""

    seconds: float
    cached: float | None = None  # share of its files in the page cache as it began, 0 to 1
    wanted_cold: bool = False  # the files were dropped from the page cache before it


class BenchMemory(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One device, MiB. None: not known."""

    device: str  # `CUDA0`, `Host`
    planned: int | None = (
        None  # by the plan, as `placed` counts: without its margin and the driver's share
    )
    placed: int | None = None  # by llama.cpp's log: weights, context, buffers
    used: int | None = None  # measured by process
    foreign: int | None = None  # held by other programs when it had been loaded


class BenchCircumstances(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a profile's figures go together with."""

    engine: str = ""
    engine_version: str = ""
    devices: str = ""  # driver and devices
    args: list[str] = []  # as models.conf gives them
    beside: list[str] = []  # profiles that were loaded, too


class Evaluation(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the program of `--each` came to."""

    command: str
    exit_code: int  # as shells report it: 128 and more for signals
    seconds: float
    score: float | None = None


class BenchedProfile(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was measured of one profile, or of a variant by its name."""

    profile: str
    outcome: Literal["done", "failed", "interrupted"]
    failure: Failure | None = None
    context: int | None = None  # tokens that one request can have
    slots: int | None = None
    loads: list[BenchLoad] = []
    first: FirstRequest | None = None
    depths: list[DepthFigures] = []
    streams: list[StreamFigures] = []
    memory: list[BenchMemory] = []
    layers: int | None = None
    layers_offloaded: int | None = None
    layers_overflowing: int | None = None
    experts_in_ram: int | None = None  # layers of which experts lie in host memory, by the plan
    graph_splits: int | None = None
    graph_splits_tg: int | None = None
    circumstances: BenchCircumstances = msgspec.field(default_factory=BenchCircumstances)
    evaluation: Evaluation | None = None
    notes: list[str] = []


class BenchRun(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One unattended benchmark over profiles."""

    id: int = 0  # its number, given when it is kept
    begun_at: str
    outcome: RunOutcome  # of one that was killed it stays `running`
    seconds: float = 0.0  # from its begin
    busy_seconds: float = 0.0  # of these: loads, requests, and the program of `--each`
    waited_seconds: float = 0.0  # for other traffic
    version: str = ""  # of Paddock
    repeat: int = 0
    answer: int = 0  # tokens generated by each request
    profiles: list[BenchedProfile] = []

    def named(self, profile: str) -> BenchedProfile | None:
        """What it has of this profile."""
        return next((one for one in self.profiles if one.profile == profile), None)


class RunSummary(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A run in a list."""

    id: int
    begun_at: str
    outcome: RunOutcome
    seconds: float = 0.0
    profiles: list[str] = []


class BenchNow(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A benchmark that runs, as dashboards show it."""

    profile: str  # the one that is measured
    outcome: RunOutcome = "running"
    step: str = ""  # what is done now
    number: int = 0  # of the profile, from 1
    of: int = 0  # profiles
    eta: float | None = None  # seconds
    best: str = ""  # the profile that writes fastest so far
    speed: float | None = None  # its tokens/s, at the least depth

    def in_words(self) -> str:
        """In one line, without the time that is left."""
        best = f", fastest so far {self.best} with {self.speed:.1f} t/s" if self.speed else ""
        if self.outcome != "running":
            return f"benchmark: {self.outcome}{best}"
        return f"benchmark, {self.number} of {self.of}, {self.step or 'begins'}{best}"


class BenchRuns(msgspec.Struct, kw_only=True):
    """Runs that are kept, the newest first."""

    runs: list[RunSummary]


class ComparedFigure(msgspec.Struct, kw_only=True):
    """One figure in both of two runs."""

    figure: str  # `generation at 4,096 tokens`
    unit: str  # `t/s`, `s`
    before: Spread
    after: Spread
    judgement: Literal["better", "worse", "same", "unproven"]  # beyond the spread, or not


class ComparedProfile(msgspec.Struct, kw_only=True):
    """A profile that both runs have."""

    profile: str
    figures: list[ComparedFigure]
    together: list[str]  # what else is different, in words


class BenchComparison(msgspec.Struct, kw_only=True):
    """One run against an earlier one."""

    before: int
    after: int
    profiles: list[ComparedProfile]
    missing: list[str]  # profiles that only one of the two has


class KeptRun(msgspec.Struct, kw_only=True):
    """The number of a run that was kept; 0 where the history cannot be written."""

    id: int
