"""Wire types of tuning: a study of one profile, its trials, and what came of it.

A score is a figure of which more is better; its unit is `Tuning.unit`. Seconds, tokens/s, MiB.
"""

from typing import Literal

import msgspec

from paddock.api.bench import RunOutcome, Spread
from paddock.api.types import ProfileInfo

Goal = Literal["chat", "agent", "throughput", "context"]
TrialState = Literal["measured", "same", "pruned", "failed", "interrupted"]

# The flags that a trial may change, without their dashes. None of them names a file or a program.
TUNABLE = frozenset({
    "batch-size", "cache-type-k", "cache-type-v", "cpu-moe", "ctx-size", "fit-target", "load-mode", "main-gpu",
    "n-cpu-moe", "n-gpu-layers", "override-tensor", "spec-draft-n-max", "spec-draft-p-min", "split-mode",
    "tensor-split", "threads", "threads-batch", "ubatch-size",
})  # fmt: skip

TRIAL_SUFFIX = "@tune"  # behind a profile's name: its trials are loaded so

Changes = dict[str, str | None]  # by flag, without dashes; None: without it


class TuningTrial(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One set of flags, and what is known of it."""

    number: int
    choices: dict[str, str]  # by what is varied
    changes: Changes = {}  # against models.conf
    state: TrialState = "interrupted"
    why: str = ""  # it was pruned, failed, or is another one's
    same_as: int | None = None  # the trial that lies and is started alike
    score: Spread | None = None
    prompt: float | None = None  # median, at the depth of the goal
    generation: float | None = None
    context: int | None = None  # tokens that one request can have
    free_mib: int | None = None  # left on all GPUs together, without any the RAM's, by the plan
    layers: int | None = None
    layers_on_devices: int | None = None
    experts_in_ram: int | None = None
    graph_splits: int | None = None
    load_seconds: float | None = None
    seconds: float = 0.0  # that the trial took, without those in which others were served
    repeated: int = 0  # measurements that were begun anew, because others came into them
    beside_traffic: int = 0  # samples that were taken although others were served


class VariedFlag(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Something that a study varies."""

    name: str
    choices: list[str]  # the first is today's
    why: str = ""


class Contribution(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What one change brings: the best line against the same line without it."""

    name: str
    before: str
    after: str
    gain: float | None = None  # 0.05: 5 % more; None: that line could not be measured


class Tuning(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One study."""

    id: int = 0  # its number, given when it is kept
    profile: str
    goal: Goal
    outcome: RunOutcome = "running"
    begun_at: str
    seconds: float = 0.0
    version: str = ""  # of Paddock
    command: str = ""
    engine: str = ""
    engine_version: str = ""
    devices: str = ""  # driver and devices
    files: str = ""  # changes with the model's files; filled in by the daemon
    unit: str = "tokens/s"
    measured: str = ""  # what a score is, in words
    varied: list[VariedFlag] = []
    grid: int = 0  # loads that all combinations would take
    loads: int = 0
    trials: list[TuningTrial] = []
    front: list[
        int
    ] = []  # trials of which none is better in score, context and free memory at once
    today: Spread | None = None  # measured by turns with `best` at the end
    best: Spread | None = None
    best_trial: int | None = None
    verdict: Literal["", "better", "same", "unproven"] = ""
    changes: Changes = {}  # to be written; empty unless it is better
    contributions: list[Contribution] = []
    notes: list[str] = []
    applied_at: str = ""  # when models.conf was changed so; "" also after `--undo`

    @property
    def gain(self) -> float | None:
        """The best against today's: 0.05 is 5 % more. None where both were not measured."""
        if self.today is None or self.best is None or not self.today.median:
            return None
        return self.best.median / self.today.median - 1


class TuningNow(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A study as dashboards show it."""

    profile: str
    goal: Goal
    outcome: RunOutcome = "running"
    step: str = ""  # what is done now
    trials: int = 0
    loads: int = 0
    eta: float | None = None  # seconds, at most
    gain: float | None = None  # of the best so far against today's first measurement
    best: dict[str, str | None] = {}  # its changes
    tuning: int = 0  # the number of what is kept of it, once there is something

    def in_words(self) -> str:
        """In one line."""
        if self.outcome != "running":
            return f"tuning for {self.goal}: {self.outcome}{self._best()}"
        return f"tuning for {self.goal}, {self.step or 'begins'}{self._best()}"

    def _best(self) -> str:
        return f", best so far {self.gain:+.1%}" if self.gain else ""


class TuningSummary(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A study in a list."""

    id: int
    profile: str
    goal: Goal
    outcome: RunOutcome
    begun_at: str
    seconds: float = 0.0
    loads: int = 0
    trials: int = 0
    verdict: str = ""
    gain: float | None = None
    applied_at: str = ""


class TuningList(msgspec.Struct, kw_only=True):
    """Studies that are kept, the newest first; and the one that runs."""

    tunings: list[TuningSummary]
    running: TuningNow | None = None


class StudyRequest(msgspec.Struct, kw_only=True):
    """Begin to try a profile with other flags, for as long as the reply is read."""

    profile: str
    goal: Goal


class TrialRequest(msgspec.Struct, kw_only=True):
    """The flags of the next trial."""

    study: str  # from the first event of the reply to `POST /tune`
    changes: Changes = {}


class TrialProfile(msgspec.Struct, kw_only=True):
    """The profile by which a trial is loaded. It is in no file."""

    profile: ProfileInfo


class StudyNews(msgspec.Struct, kw_only=True):
    """How a study stands, to be published."""

    study: str
    now: TuningNow


class StudyBegun(msgspec.Struct, kw_only=True):
    """The first event of a study."""

    study: str  # what trials and news name
    trial: str  # the profile by which trials are loaded
    stops: list[str] = []  # what runs now, and comes back afterwards
