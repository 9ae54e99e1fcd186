"""What a study varies: per profile and goal, each thing with today's choice first. Pure.

A choice is a change of some flags against models.conf; today's changes none. What one profile cannot use (a split
on one GPU, threads where nothing is computed by the processor) is not varied, and the reason is said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import prod

from paddock.api.placement import DevicePlan, Plan
from paddock.api.tunings import Changes, Goal, VariedFlag

_HOST = "host"
_LEAST_CONTEXT = 4096
_BATCH = 2048  # llama-server's own `--batch-size`
_UBATCHES = (64, 128, 256, 512, 1024, 2048, 4096)
_MARGINS = (256, 512, 1024, 2048)  # MiB, of devices of 16 GiB and more
_ENOUGH = 16_384  # MiB
_BY_HAND = ("n-cpu-moe", "cpu-moe", "override-tensor", "n-gpu-layers", "tensor-split")
_CACHE = ("cache-type-k", "cache-type-v")
NAMES = (
    "placement", "split", "margins", "threads", "ubatch", "load-mode", "cache", "context", "speculative"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to set something; `label` is for people."""

    label: str
    changes: Changes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Knob:
    """Something that is varied. `choices[0]` is today's.

    `ladder`: the choices by size, where neighbours are alike; empty: each is tried, in the order of promise.
    """

    name: str
    choices: tuple[Choice, ...]
    why: str = ""
    ladder: tuple[int, ...] = ()
    device: int | None = None  # of a margin: its place in the engine's order

    @property
    def labels(self) -> list[str]:
        return [choice.label for choice in self.choices]

    def choice(self, label: str) -> Choice:
        return next(choice for choice in self.choices if choice.label == label)


@dataclass(frozen=True, slots=True)
class TunedProfile:
    """What a space is made from."""

    flags: Mapping[str, tuple[str, ...]]  # today's by name without dashes: their values
    fixed: frozenset[str]  # flags that a key of the section cannot change
    plan: Plan
    cores: int  # of the processor, without their second threads
    trained: int | None = None  # tokens of context
    has_draft: bool = False

    @property
    def gpus(self) -> list[DevicePlan]:
        return [device for device in self.plan.devices if device.id != _HOST]

    @property
    def computes_in_ram(self) -> bool:
        """Whether the processor has a part in it."""
        plan = self.plan
        if plan.source != "engine" or not self.gpus or plan.experts_in_ram or plan.refused_mib:
            return True
        return plan.layers is None or (plan.layers_on_devices or 0) < plan.layers

    def number(self, flag: str) -> int | None:
        values = self.flags.get(flag)
        return int(values[0]) if values and values[0].isdecimal() else None


@dataclass(frozen=True, slots=True)
class Space:
    """All that a study varies."""

    knobs: tuple[Knob, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)  # why it is not varied

    @property
    def grid(self) -> int:
        """How many combinations there are."""
        return prod(len(knob.choices) for knob in self.knobs)

    @property
    def moves(self) -> int:
        """How many trials change one thing alone."""
        return sum(len(knob.choices) - 1 for knob in self.knobs)

    def today(self) -> dict[str, str]:
        return {knob.name: knob.choices[0].label for knob in self.knobs}

    def changes(self, choices: Mapping[str, str]) -> Changes:
        """The flags to be set for these labels."""
        found: Changes = {}
        margins = [knob for knob in self.knobs if knob.device is not None]
        if any(choices[knob.name] != knob.choices[0].label for knob in margins):
            found["fit-target"] = ",".join(choices[knob.name].split()[0] for knob in margins)
        for knob in self.knobs:
            if knob.device is None:
                found |= knob.choice(choices[knob.name]).changes
        return found

    def described(self) -> list[VariedFlag]:
        return [VariedFlag(name=k.name, choices=k.labels, why=k.why) for k in self.knobs]


def space_of(
    profile: TunedProfile, goal: Goal, *, allow_loss: bool = False, only: Sequence[str] = ()
) -> Space:
    """What is worth varying. `allow_loss`: types of the cache that lose quality; `only`: these of `NAMES` alone."""
    makers = {
        "placement": lambda: _by_hand(profile),
        "split": lambda: _split(profile),
        "margins": lambda: _margins(profile),
        "ubatch": lambda: _ubatch(profile),
        "threads": lambda: _threads(profile),
        "load-mode": lambda: _load_mode(profile),
        "cache": lambda: _cache(profile, allow_loss=allow_loss),
        "context": lambda: _context(profile, goal),
        "speculative": lambda: _speculative(profile, wanted="speculative" in only),
    }
    names = ["context", *(n for n in NAMES if n != "context")] if goal == "context" else NAMES
    knobs: list[Knob] = []
    left_out: dict[str, str] = {}
    for name in names:
        found = makers[name]() if not only or name in only else "--vary leaves it out"
        if isinstance(found, str):
            left_out[name] = found
        else:
            knobs += found
    return Space(tuple(knobs), left_out)


# ---- where it lies ----


def _by_hand(profile: TunedProfile) -> list[Knob] | str:
    """What is placed by hand keeps llama.cpp's fit from placing it."""
    set_ = [flag for flag in _BY_HAND if flag in profile.flags and flag not in profile.fixed]
    if "fit" in profile.flags and profile.flags["fit"] == ("off",):
        return "fit = off"
    if not set_ or not profile.gpus:
        return "nothing is placed by hand"
    today = Choice(", ".join(f"{flag} {' '.join(profile.flags[flag])}".strip() for flag in set_))
    choices = [today, Choice("by fit", dict.fromkeys(set_))]
    if (number := profile.number("n-cpu-moe")) and "n-cpu-moe" in set_:
        lower = sorted({number - 1, number - 2, number // 2} - {number}, reverse=True)
        choices += [
            Choice(f"n-cpu-moe {n}", {"n-cpu-moe": str(n) if n else None}) for n in lower if n >= 0
        ]
    return [Knob("placement", tuple(choices), "what lies where is written by hand today")]


def _split(profile: TunedProfile) -> list[Knob] | str:
    gpus = profile.gpus
    if len(gpus) < 2:
        return "one GPU or none"
    if "split-mode" in profile.fixed or "main-gpu" in profile.fixed:
        return "EXTRA_ARGS has it"
    today = Choice(" ".join(profile.flags.get("split-mode", ("layer",))))
    found = [today]
    need = sum(gpu.total for gpu in gpus)
    for place, gpu in enumerate(gpus):
        if gpu.available is not None and need < gpu.available:
            label = f"all on {gpu.device}"
            found.append(Choice(label, {"split-mode": "none", "main-gpu": str(place)}))
    if all(gpu.device.startswith("CUDA") for gpu in gpus) and today.label == "layer":
        found.append(Choice("row", {"split-mode": "row"}))
    if today.label not in ("layer", "none"):
        found.append(Choice("layer", {"split-mode": None}))
    if len(found) == 1:
        return "it does not fit on one GPU alone"
    return [Knob("split", tuple(found), "on one GPU there is less to hand over")]


def _margins(profile: TunedProfile) -> list[Knob] | str:
    """The smallest first: the most lies on GPUs then."""
    gpus = profile.gpus
    if not gpus:
        return "no GPU"
    if profile.flags.get("fit") == ("off",) or "fit-target" in profile.fixed:
        return "fit is off, or EXTRA_ARGS has the margins"
    if any(gpu.in_ram for gpu in gpus):
        return "a GPU in RAM: what is free of it, others need"
    knobs = []
    for place, gpu in enumerate(gpus):
        today = Choice(f"{gpu.margin} MiB")
        others = [Choice(f"{m} MiB") for m in margins_for(gpu) if m != gpu.margin]
        if others:
            knobs.append(
                Knob(f"margin {gpu.device}", (today, *others), "MiB that stay free", device=place)
            )
    return knobs


def margins_for(gpu: DevicePlan) -> list[int]:
    """MiB, ascending; in proportion on a small device."""
    size = gpu.size or gpu.available or _ENOUGH
    if size >= _ENOUGH:
        return list(_MARGINS)
    return sorted({max(1, size * margin // (2 * _ENOUGH)) for margin in _MARGINS})


# ---- how it computes ----


def _ubatch(profile: TunedProfile) -> list[Knob] | str:
    if {"ubatch-size", "batch-size"} & profile.fixed:
        return "EXTRA_ARGS has it"
    if "embeddings" in profile.flags or "reranking" in profile.flags:
        return "its longest input depends on it"
    today = profile.number("ubatch-size") or 512
    batch = profile.number("batch-size") or _BATCH
    context = profile.plan.n_ctx or _BATCH
    sizes = [size for size in _UBATCHES if size != today and size <= max(context, 512)]
    choices = [Choice(str(today)), *(Choice(str(s), _ubatch_changes(s, batch)) for s in sizes)]
    return [_ladder("ubatch", choices, "tokens of a prompt at once: faster, for more MiB")]


def _ubatch_changes(size: int, batch: int) -> Changes:
    wide: Changes = {"batch-size": str(size)} if size > batch else {}
    return {"ubatch-size": str(size), **wide}


def _threads(profile: TunedProfile) -> list[Knob] | str:
    if not profile.computes_in_ram:
        return "the processor computes none of it"
    if "threads" in profile.fixed:
        return "EXTRA_ARGS has it"
    cores = profile.cores
    today = profile.number("threads") or cores
    wanted = {cores, 2 * cores, cores - 1, cores // 2, cores // 4, 3 * cores // 4} - {today}
    choices = [Choice(str(today)), *(_thread_choice(n, profile) for n in sorted(wanted) if n > 0)]
    return [_ladder("threads", choices, "of what the processor computes")]


def _thread_choice(number: int, profile: TunedProfile) -> Choice:
    batch = "threads-batch" in profile.flags and "threads-batch" not in profile.fixed
    return Choice(
        str(number), {"threads": str(number), **({"threads-batch": str(number)} if batch else {})}
    )


def _load_mode(profile: TunedProfile) -> list[Knob] | str:
    if not profile.computes_in_ram:
        return "all of it is copied to GPUs"
    if "load-mode" in profile.fixed:
        return "EXTRA_ARGS has it"
    today = " ".join(profile.flags.get("load-mode", ("mmap",)))
    others = [Choice(mode, {"load-mode": mode}) for mode in ("none", "mmap") if mode != today]
    return [Knob("load-mode", (Choice(today), *others), "how weights in RAM lie there")]


def _cache(profile: TunedProfile, *, allow_loss: bool) -> list[Knob] | str:
    if not allow_loss:
        return "it would lose quality: --allow-loss"
    if set(_CACHE) & profile.fixed:
        return "EXTRA_ARGS has it"
    today = "/".join(" ".join(profile.flags.get(flag, ("f16",))) for flag in _CACHE)
    kinds = [k for k in ("q8_0", "q4_0") if f"{k}/{k}" != today]
    choices = [Choice(today), *(Choice(f"{k}/{k}", dict.fromkeys(_CACHE, k)) for k in kinds)]
    return [Knob("cache", tuple(choices), "smaller keys and values; answers may get worse")]


def _context(profile: TunedProfile, goal: Goal) -> list[Knob] | str:
    if goal != "context":
        return "--for context varies it"
    if "ctx-size" in profile.fixed:
        return "EXTRA_ARGS has it"
    today = profile.plan.n_ctx or profile.number("ctx-size")
    if not today:
        return "nobody knows how large it is"
    most = profile.trained or 16 * today
    steps = {today * 3 // 2, *(today * 2**n for n in range(1, 6)), most}
    sizes = sorted({size // 256 * 256 for size in steps if today < size <= most}, reverse=True)
    if not sizes:
        return "it has all that the model was trained for"
    choices = [Choice(f"{today}"), *(Choice(str(s), {"ctx-size": str(s)}) for s in sizes)]
    return [Knob("context", tuple(choices), "tokens; the largest first")]


def _speculative(profile: TunedProfile, *, wanted: bool) -> list[Knob] | str:
    if not profile.has_draft:
        return "no draft model"
    if not wanted:
        return "random prompts say little about drafts: --vary speculative"
    if "spec-draft-n-max" in profile.fixed:
        return "EXTRA_ARGS has it"
    today = profile.number("spec-draft-n-max") or 3
    sizes = [size for size in (1, 2, 3, 4, 8, 16) if size != today]
    choices = [Choice(str(today)), *(Choice(str(s), {"spec-draft-n-max": str(s)}) for s in sizes)]
    return [_ladder("speculative", choices, "tokens drafted at once")]


def _ladder(name: str, choices: Sequence[Choice], why: str) -> Knob:
    """By the number that each label is."""
    order = sorted(range(len(choices)), key=lambda at: int(choices[at].label))
    assert all(int(choices[a].label) < int(choices[b].label) for a, b in pairwise(order))
    return Knob(name, tuple(choices), why, tuple(order))
