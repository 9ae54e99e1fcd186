"""What would let two profiles stay beside each other: only what plans of the changed profiles say.

A smaller context is computed from the two plans, as memory grows with it about evenly; then the changed
profile is planned as any other, by its engine where that can be asked now, and the plans decide.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Literal, Protocol

from paddock.api.placement import Plan
from paddock.api.stats import Alternation, Remedy
from paddock.config.profile import Flag, Origin, Profile
from paddock.placement.pairs import pair

_LEAST = 4096  # tokens of a context: less is of little use
_STEP = 1024


class PlansProfiles(Protocol):
    """Whoever can say where a profile would lie."""

    async def plan(self, profile: Profile) -> Plan:
        """Of any profile, also of one that models.conf does not have."""
        ...


class Remedies:
    """Asks for plans of profiles as they might be."""

    def __init__(self, plans: PlansProfiles, *, max_instances: int) -> None:
        self._plans, self._max_instances = plans, max_instances

    async def judge(self, found: Alternation, one: Profile, other: Profile) -> None:
        """Note whether they fit together, why not, and what would change that."""
        plans = await self._plans.plan(one), await self._plans.plan(other)
        together = pair(*plans)
        found.fits, found.why = together.fits, together.why
        if together.fits:
            found.remedies = list(self._although_they_fit(plans))
        elif not any(_shares_a_server(plan) for plan in plans):
            found.remedies = [r async for r in self._smaller(one, other, *plans)]

    def _although_they_fit(self, plans: tuple[Plan, Plan]) -> Iterator[Remedy]:
        if self._max_instances:
            words = f"max-instances = {self._max_instances} in paddock.toml keeps them apart: by their plans both fit"
            yield Remedy(message=words, source=_source(*plans))

    async def _smaller(
        self, one: Profile, other: Profile, plan: Plan, others_plan: Plan
    ) -> AsyncIterator[Remedy]:
        """With a smaller context in one of them; where neither is enough, in both. Takes some rehearsals."""
        found = False
        for profile, own, neighbour in ((one, plan, others_plan), (other, others_plan, plan)):
            if (ctx := smaller_context(own, neighbour)) is None:
                continue
            changed = await self._plans.plan(with_context(profile, ctx))
            if pair(changed, neighbour).fits and changed.fits:
                found = True
                yield _remedy({profile.id: ctx}, changed, neighbour)
        if not found and (contexts := least_contexts(plan, others_plan)):
            both = [
                await self._plans.plan(with_context(p, c))
                for p, c in zip((one, other), contexts, strict=True)
            ]
            if pair(*both).fits and all(p.fits for p in both):
                yield _remedy(dict(zip((one.id, other.id), contexts, strict=True)), *both)


def smaller_context(plan: Plan, other: Plan) -> int | None:
    """Tokens of context with which `plan` should leave the other its room, by its own share of what
    lacks on each device; None where no useful context would."""
    if not plan.n_ctx:
        return None
    kept = 1.0
    for device in plan.devices:
        twin = next((d for d in other.devices if d.id == device.id), None)
        if twin is None or device.available is None or not twin.total or not device.total:
            continue
        lacks = device.total + twin.total + max(device.margin, twin.margin) - device.available
        if lacks > 0:
            kept = min(kept, 1 - lacks / device.context if device.context else 0.0)
    tokens = int(plan.n_ctx * kept) // _STEP * _STEP
    return tokens if kept < 1 and tokens >= _LEAST else None


def least_contexts(plan: Plan, other: Plan) -> tuple[int, int] | None:
    """A quarter of both contexts; None where one would be of little use."""
    contexts = tuple((p.n_ctx or 0) // 4 // _STEP * _STEP for p in (plan, other))
    return (contexts[0], contexts[1]) if min(contexts) >= _LEAST else None


def with_context(profile: Profile, tokens: int) -> Profile:
    """The same with another context."""
    others = tuple(flag for flag in profile.flags if flag.name != "--ctx-size")
    asked = Flag("--ctx-size", (str(tokens),), Origin("paddock", "ctx-size"))
    return replace(profile, flags=(*others, asked))


def _remedy(contexts: dict[str, int], *plans: Plan) -> Remedy:
    settings = {name: f"ctx-size = {tokens}" for name, tokens in contexts.items()}
    words = " and ".join(f"{line} in {name}" for name, line in settings.items())
    return Remedy(message=f"with {words} both fit", settings=settings, source=_source(*plans))


def _source(*plans: Plan) -> Literal["engine", "estimate"]:
    return "engine" if all(plan.source == "engine" for plan in plans) else "estimate"


def _shares_a_server(plan: Plan) -> bool:
    return any(device.id.startswith("RPC") for device in plan.devices)
