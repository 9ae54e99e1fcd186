"""What the rules of advice look at, and what they find. Pure data; `examination` gathers it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from paddock.api.placement import DevicePlan, LoadEntry, Plan
from paddock.config.profile import Flag, Profile
from paddock.host.memory import Memory
from paddock.llama.flags import FlagSet
from paddock.llama.gguf import Facts, GgufError
from paddock.placement.devices import Readings

Severity = Literal["error", "warning", "info"]


class Finding(NamedTuple):
    """Something that could be better. The rule that found it gives the code, the facts the profile."""

    severity: Severity
    message: str
    hint: str = ""
    at: Flag | None = None  # what models.conf says in the line that is to blame


@dataclass(frozen=True, slots=True)
class ProfileFacts:
    """All that is known of one profile. Without a plan only its files can be judged."""

    profile: Profile
    flags: FlagSet | None = None  # of its engine
    files: Mapping[str, Facts | GgufError] = field(default_factory=dict)  # by flag: those there are
    refusal: str = ""  # which engine cannot load the files, and its words, where there is no plan
    plan: Plan | None = None
    unforced: Plan | None = None  # without what keeps tensors in RAM by hand
    unbound: Plan | None = None  # with the longest context that leaves every layer on a device
    small_batch: Plan | None = None  # with llama-server's own ubatch of 512 tokens
    readings: Readings = field(default_factory=dict)
    # The GPUs that its engine saw when it planned last, in its order, where there is no plan; empty: not known.
    devices: tuple[DevicePlan, ...] = ()
    generation: float | None = None  # tokens/s: median of the last load that lay as it should
    samples: int = 0  # measured requests behind it
    loads: tuple[LoadEntry, ...] = ()  # its last ones of each load mode, the newest first
    gets_faster_mode: bool = False  # the one that they name: Paddock chooses it at each load

    @property
    def gguf(self) -> Facts | None:
        """The header of its model file, where that is a model."""
        found = self.files.get("--model")
        return found if isinstance(found, Facts) and found.kind == "model" else None


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """All that is known of the machine, which the profiles share."""

    # What a llama-server started by hand would see.
    environ: Mapping[str, str] = field(default_factory=dict)
    config_files: Mapping[Path, tuple[str, ...]] = field(default_factory=dict)  # keys by file
    readings: Readings = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    swapped: Mapping[str, int] = field(default_factory=dict)  # MiB of each resident profile
    plans: tuple[Plan, ...] = ()
    flags: FlagSet | None = None  # of the default engine


def value(profile: Profile, name: str, default: str) -> str:
    """The first value of a flag, or what llama-server takes without it."""
    flag = profile.flag(name)
    return flag.values[0] if flag and flag.values else default


def number(profile: Profile, name: str, default: int) -> int:
    text = value(profile, name, "")
    return int(text) if text.isdecimal() else default


def marked(plan: Plan) -> str:
    """What a message says behind figures that no engine reported."""
    return " (estimated)" if plan.source == "estimate" else ""
