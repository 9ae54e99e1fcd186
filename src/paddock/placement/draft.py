"""Decides what a new profile asks for: the context that its model can have on this machine. Pure.

By the facts of the file alone (`estimate`), which estimates a little too much: what is chosen here
should load as planned.
"""

from bisect import bisect_left
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Literal

from paddock.api.placement import Plan
from paddock.config.model_kinds import UsableModel
from paddock.config.model_names import profile_id, unique
from paddock.config.profile import Flag, Origin, Profile
from paddock.placement.draft_machine import Machine
from paddock.placement.estimate import estimated
from paddock.placement.plan_sums import ram_left
from paddock.placement.sizes import Needs
from paddock.placement.words import layers_in_ram, on_gpus, spills

STEP = 4096  # tokens
LONGEST = 131_072  # more than most tools ever send
_UNKNOWN = 8192  # trained, where the file does not say
# Where the model does not fit on the GPUs: every token takes room from layers or experts.
_WITH_EXPERTS_IN_RAM, _IN_RAM = 32_768, 8192
# For embeddings llama-server takes an input as one ubatch, of 512 tokens by default, and
# refuses a longer one (build 11434). Four slots share the context.
_INPUTS, _LONGEST_INPUT, _UBATCH = 8192, 2048, 512
_RAM_LEFT = 512  # MiB, the setting `memory-margin`

Reason = Literal[
    "trained", "enough", "memory", "experts", "layers", "ram", "whole", "too-large", "input"
]


@dataclass(frozen=True, slots=True)
class Context:
    """A number of tokens, and why it is not larger."""

    tokens: int
    reason: Reason
    mib: int = 0  # that keys, values and state take, f16


@dataclass(frozen=True, slots=True)
class DraftEntry:
    """One drafted profile."""

    id: str
    model: UsableModel
    context: Context
    source: str = ""  # where its file was fetched from
    alias: str = ""  # another name that it shall have

    @property
    def ubatch(self) -> int:
        """Tokens; 0 where llama-server's own will do."""
        tokens = min(self.context.tokens, _LONGEST_INPUT)
        return tokens if self.model.use != "chat" and tokens > _UBATCH else 0


def entries(
    models: Sequence[UsableModel],
    machine: Machine,
    *,
    longest: int = LONGEST,
    taken: Collection[str] = (),
) -> list[DraftEntry]:
    """A profile for each model, chat models first; none gets a name that is `taken`."""
    files = [model.file for model in models]
    wanted = [(profile_id(file.name, file.repository), file.owner) for file in files]
    ids = unique(wanted, taken)
    contexts = [context_for(model, machine, longest=longest) for model in models]
    found = map(DraftEntry, ids, models, contexts)
    return sorted(found, key=lambda entry: (entry.model.use != "chat", entry.id))


def context_for(model: UsableModel, machine: Machine, *, longest: int = LONGEST) -> Context:
    """As much of the trained context as lies on the GPUs with the weights; without GPUs a moderate one."""
    case = _DraftCase(model, machine)
    if model.use != "chat":
        return Context(min(case.trained, _INPUTS, longest), "input")
    if not machine.cards:
        return case.in_ram("ram")
    if tokens := case.longest(longest, case.is_on_gpus):
        return Context(tokens, case.why_not_more(tokens, longest), case.mib(tokens))
    moderate = min(longest, _WITH_EXPERTS_IN_RAM)
    if model.facts.experts and (tokens := case.longest(moderate, case.has_only_experts_in_ram)):
        return Context(tokens, "experts", case.mib(tokens))
    return case.in_ram("layers")


def plain_profile(model: Path, *flags: tuple[str, str], mmproj: Path | None = None) -> Profile:
    """A profile for planning that is in no file."""
    origin = Origin("paddock", "init")
    said = (("--model", str(model)), *flags, *((("--mmproj", str(mmproj)),) if mmproj else ()))
    words = tuple(Flag(name, (value,), origin) for name, value in said)
    return Profile("draft", 0, model, words, mmproj=mmproj)


@dataclass(frozen=True, slots=True)
class _DraftCase:
    """One model on this machine."""

    model: UsableModel
    machine: Machine

    @property
    def trained(self) -> int:
        return self.model.facts.n_ctx_train or _UNKNOWN

    def longest(self, most: int, is_good: Callable[[int], bool]) -> int:
        """The longest context up to `most` that is good; 0 where none is."""
        most = min(self.trained, most)
        steps: Sequence[int] = range(STEP, most + 1, STEP) or (most,)
        count = bisect_left(steps, True, key=lambda tokens: not is_good(tokens))
        return steps[count - 1] if count else 0

    def is_on_gpus(self, tokens: int) -> bool:
        """All of it, with every margin kept.

        Where layers are unlike each other, fit moves more of them than it must (build 11434): then
        there must be nothing for it to do.
        """
        is_mixed = 0 < self.model.facts.recurrent_layers < self.model.facts.n_layers
        plan = self._plan(tokens, *((("--fit", "off"),) if is_mixed else ()))
        margins = [card.margin for card in self.machine.cards]
        rooms = [device.left for device in on_gpus(plan)]
        is_tight = any(r is not None and r < m for r, m in zip(rooms, margins, strict=False))
        takes_ram = any(device.in_ram for device in on_gpus(plan))
        is_in_memory = plan.fits and (not takes_ram or _has_ram(plan))
        return is_in_memory and not spills(plan) and not is_tight

    def has_only_experts_in_ram(self, tokens: int) -> bool:
        plan = self._plan(tokens)
        return plan.fits and not layers_in_ram(plan) and _has_ram(plan)

    def in_ram(self, reason: Reason) -> Context:
        tokens = self.longest(_IN_RAM, lambda tokens: _has_ram(self._plan(tokens)))
        if not tokens:
            return Context(min(self.trained, STEP), "too-large")
        is_whole = reason == "ram" and tokens + STEP > self.trained
        return Context(tokens, "whole" if is_whole else reason, self.mib(tokens))

    def why_not_more(self, tokens: int, longest: int) -> Reason:
        if tokens + STEP > self.trained:
            return "trained"
        return "enough" if tokens + STEP > longest else "memory"

    def mib(self, tokens: int) -> int:
        layers = Needs(self._profile(tokens), self.model.facts).layers(tokens)
        return ceil(sum(layer.context for layer in layers))

    def _plan(self, tokens: int, *flags: tuple[str, str]) -> Plan:
        profile = self._profile(tokens, *flags)
        return estimated(profile, self.model.facts, self.machine.circumstances)

    def _profile(self, tokens: int, *flags: tuple[str, str]) -> Profile:
        target = self.machine.target
        margins = (("--fit-target", target),) if target else ()
        projector = self.model.projector
        return plain_profile(
            self.model.file.path,
            ("--ctx-size", str(tokens)),
            *margins,
            *flags,
            mmproj=projector.path if projector else None,
        )


def _has_ram(plan: Plan) -> bool:
    left = ram_left(plan)
    return left is None or left >= _RAM_LEFT
