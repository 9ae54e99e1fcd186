"""Which quantisation of a repository is good for this machine, before a byte of weights is fetched.

The header of one is read; its neighbours are reckoned with layers as much larger as their files are. What is proposed
in the end has its own header read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from paddock.api.placement import Plan
from paddock.config.model_folder import ModelFile
from paddock.config.model_kinds import UsableModel, sort_out
from paddock.hub.headers import RemoteHeaders
from paddock.hub.refusals import NotOnHub
from paddock.hub.repository import HubFile, HubModel, HubRepository
from paddock.llama.gguf import Facts
from paddock.placement.draft import Context, context_for, plain_profile
from paddock.placement.draft_machine import Machine
from paddock.placement.estimate import estimated

Fit = Literal["gpu", "ram", "part", "no"]  # all on GPUs; all in RAM; in both; nowhere
_USABLE = 8192  # tokens of context that a person wants at least
_GOOD_BITS = 4.0
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Contender:
    """One quantisation on this machine."""

    offer: HubModel
    facts: Facts
    context: Context
    plan: Plan
    fit: Fit
    is_read: bool  # its own header was read; else it is reckoned from another's
    projector: HubFile | None = None

    @property
    def files(self) -> tuple[HubFile, ...]:
        return (*self.offer.files, *((self.projector,) if self.projector else ()))

    @property
    def size(self) -> int:
        """Bytes to be fetched, those of the projector included."""
        return sum(file.size for file in self.files)

    @property
    def is_whole(self) -> bool:
        """Whether all of it lies where it is fast, with a context that is of use."""
        longest = min(_USABLE, self.facts.n_ctx_train or _USABLE)
        return self.fit in ("gpu", "ram") and self.context.tokens >= longest


@dataclass(frozen=True, slots=True)
class PullProposal:
    """All quantisations, the smallest first, and the one to fetch."""

    repository: HubRepository
    candidates: tuple[Contender, ...]
    chosen: Contender
    is_named: bool  # the user named it

    @property
    def near(self) -> list[Contender]:
        """The next smaller, the chosen one and the next larger."""
        place = self.candidates.index(self.chosen)
        return list(self.candidates[max(0, place - 1) : place + 2])


class Chooser:
    """Weighs one repository for one machine. Blocking."""

    def __init__(self, repository: HubRepository, headers: RemoteHeaders, machine: Machine) -> None:
        self._repository, self._headers, self._machine = repository, headers, machine
        self._read: dict[HubModel, Facts] = {}

    def proposal(self) -> PullProposal:
        """NotOnHub where nothing in it can be run; GgufError where a header makes no sense."""
        named = self._repository.wanted()
        pivot = named or self._likely()
        self._facts(pivot)
        candidates = self._weighed(pivot)
        if named is None:
            best = _best(candidates).offer
            self._facts(best)
            candidates = self._weighed(best)
            named_or_best = best
        else:
            named_or_best = named
        chosen = next(one for one in candidates if one.offer == named_or_best)
        return PullProposal(self._repository, tuple(candidates), chosen, named is not None)

    def _likely(self) -> HubModel:
        """By size alone: the largest that the memory could take, of those that are made to be run."""
        offers = _to_run(self._repository.offers)
        if not offers:
            raise NotOnHub(
                f"{self._repository.name.repository} has only draft models: name a file of it"
            )
        cards = sum(card.reading.available_mib or 0 for card in self._machine.cards)
        memory = (cards or self._machine.host.available_mib or 0) * _MIB
        fitting = [offer for offer in offers if offer.size < memory * 0.9]
        return fitting[-1] if fitting else offers[0]

    def _facts(self, offer: HubModel) -> Facts:
        if offer not in self._read:
            self._read[offer] = self._headers.facts(offer)
        return self._read[offer]

    def _weighed(self, near: HubModel) -> list[Contender]:
        """All of them, by their own headers where these were read, else by this one's."""
        named = self._repository.wanted()
        offers = list(self._repository.offers)
        if named and named not in offers:  # a draft model that was named as a file
            offers.append(named)
        return [self._candidate(offer, near) for offer in offers]

    def _candidate(self, offer: HubModel, near: HubModel) -> Contender:
        own = self._read.get(offer)
        facts = own or scaled(self._read[near], offer)
        model, projector = self._model(offer, facts)
        context = context_for(model, self._machine)
        plan = self._plan(model, context)
        fit = fit_of(plan, context, has_cards=bool(self._machine.cards))
        return Contender(offer, facts, context, plan, fit, own is not None, projector)

    def _model(self, offer: HubModel, facts: Facts) -> tuple[UsableModel, HubFile | None]:
        """With its projector, of which only the size counts."""
        name = self._repository.name
        path = Path(name.owner, name.name, offer.first.name)
        file = ModelFile(path, path.parent, name.name, name.owner)
        found = sort_out([(file, facts)])
        if not found.models:
            if found.drafts:
                return found.drafts[0], None
            why = found.left_out[0].why if found.left_out else "it is no model"
            raise NotOnHub(f"{offer.first.path} cannot be run: {why}")
        model = found.models[0]
        projector = next(iter(self._repository.projectors), None)
        if projector is None or model.use != "chat":
            return model, None
        beside = ModelFile(self._headers.extra(projector, offer), path.parent)
        return UsableModel(file, facts, model.use, beside), projector

    def _plan(self, model: UsableModel, context: Context) -> Plan:
        target = self._machine.target
        flags = (
            ("--ctx-size", str(context.tokens)),
            *((("--fit-target", target),) if target else ()),
        )
        mmproj = model.projector.path if model.projector else None
        return estimated(
            plain_profile(model.file.path, *flags, mmproj=mmproj),
            model.facts,
            self._machine.circumstances,
        )


def scaled(facts: Facts, offer: HubModel) -> Facts:
    """The facts of another quantisation of the same model, by the sizes of their files."""
    by = offer.size / max(1, facts.size_bytes)

    def more(sizes: Sequence[int]) -> tuple[int, ...]:
        return tuple(round(size * by) for size in sizes)

    return msgspec.structs.replace(
        facts,
        size_bytes=offer.size,
        file_type=offer.quantisation,
        shards=tuple(file.name for file in offer.files),
        layer_bytes=more(facts.layer_bytes),
        expert_bytes=more(facts.expert_bytes),
        input_bytes=round(facts.input_bytes * by),
        output_bytes=round(facts.output_bytes * by),
        types={name: round(size * by) for name, size in facts.types.items()},
    )


def fit_of(plan: Plan, context: Context, *, has_cards: bool) -> Fit:
    """Where it comes to lie, by why its context is what it is."""
    if not plan.fits or context.reason == "too-large":
        return "no"
    if context.reason in ("experts", "layers"):
        return "part"
    if not has_cards:
        return "ram"
    is_on_cards = plan.layers is None or plan.layers == plan.layers_on_devices
    return "gpu" if is_on_cards and not plan.experts_in_ram else "part"


def _best(candidates: Sequence[Contender]) -> Contender:
    """The largest that lies where it is fast. Where none does, each byte in RAM is slow: the smallest good one."""
    run = _to_run([one.offer for one in candidates])
    usual = [one for one in candidates if one.offer in run]
    if whole := [one for one in usual if one.is_whole]:
        return whole[-1]
    if somewhere := [one for one in usual if one.fit != "no"]:
        return next((one for one in somewhere if _is_good(one.facts)), somewhere[-1])
    return usual[0]


def _is_good(facts: Facts) -> bool:
    """Below four bits a weight, answers are seen to suffer."""
    return (facts.bits_per_weight or _GOOD_BITS) >= _GOOD_BITS


def _to_run(offers: Sequence[HubModel]) -> list[HubModel]:
    """Without those that are for quantising, unless there are no others."""
    return [offer for offer in offers if not offer.is_exact] or list(offers)
