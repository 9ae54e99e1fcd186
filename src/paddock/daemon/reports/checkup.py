"""Examines profiles and machine for `paddock doctor`, with what only a daemon knows of them.

That is: which instances hold memory, how fast each profile ran, and plans as if all had left.
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace

from paddock.api.placement import Checkup, LoadEntry, Plan
from paddock.config.models_conf import read
from paddock.config.profile import Problem, Profile
from paddock.core.model import HOST
from paddock.daemon.memory.sampler import Sampler
from paddock.daemon.parts import Parts
from paddock.daemon.reports.stale_tunings import stale_tuning
from paddock.errors import EngineError
from paddock.host.processes import swapped_mib
from paddock.llama.flags import FlagSet
from paddock.placement import examination
from paddock.placement.advice import checkup
from paddock.placement.devices import Readings
from paddock.placement.load_modes import may_choose
from paddock.placement.profile_facts import MachineFacts, ProfileFacts
from paddock.placement.survey import host_takers

_LOADS = 20  # of a profile: how far back what was measured may lie


async def examine(parts: Parts, sampler: Sampler, profiles: Sequence[Profile]) -> Checkup:
    """What could be better about these profiles, about models.conf as it is now, and the machine."""
    sampler.measure()
    readings, swapped = await _readings(parts), _swapped(parts)
    problems = await asyncio.to_thread(_problems, parts, {"", "*", *(p.id for p in profiles)})
    facts = [await _profile_facts(parts, profile, readings) for profile in profiles]
    machine = MachineFacts(
        environ=os.environ,
        config_files=await asyncio.to_thread(examination.config_files, os.environ),
        readings=readings,
        memory=parts.ledger.memory,
        swapped=swapped,
        plans=examination.plans_for_gpus(facts),
        flags=await asyncio.to_thread(_flags_or_none, parts, None),
    )
    stale = [advice for profile in profiles for advice in await stale_tuning(parts, profile)]
    return Checkup(advice=[*await asyncio.to_thread(checkup, problems, facts, machine), *stale])


async def _readings(parts: Parts) -> Readings:
    """With the names of those who take RAM, for which every process is looked at."""
    found = dict(parts.ledger.readings)
    ours = {holding.pid for holding in parts.registry.booked().values()}
    takers = await asyncio.to_thread(host_takers, ours)
    return found | {HOST: replace(found[HOST], takers=takers)}


def _swapped(parts: Parts) -> dict[str, int]:
    """MiB by profile, of the process itself: a wrapper's child is not looked at."""
    instances = parts.registry.values()
    return {i.profile: swapped_mib(i.record.worker) for i in instances if i.record.worker}


def _problems(parts: Parts, sections: set[str]) -> list[Problem]:
    """Of the file as it is now, which need not be active, against the flags of today's engines."""
    paths, engines = parts.paths, parts.roster.engines
    stable, problems = read(
        paths.config,
        models_dir=paths.models_dir,
        flags_for=engines.flags,
        defaults_for=engines.defaults,
    )
    return [p for p in problems if p.section in sections or stable is None]


# ---- a profile ----


async def _profile_facts(parts: Parts, profile: Profile, readings: Readings) -> ProfileFacts:
    loads = await parts.chronicle.history.loads(profile.id, limit=_LOADS)
    measured = next((load for load in loads if _tells(load, profile)), None)
    cache, plan = parts.paths.state_dir, await parts.plans.make(profile)
    return ProfileFacts(
        profile=profile,
        flags=await asyncio.to_thread(_flags_or_none, parts, profile.engine),
        files=await asyncio.to_thread(examination.read_files, profile, cache_dir=cache),
        plan=plan,
        unforced=await _plan(parts, examination.unforced(profile)),
        unbound=await _plan(parts, examination.unbound(profile, plan)),
        small_batch=await _plan(parts, examination.with_small_batch(profile)),
        readings=readings,
        generation=measured.generation if measured else None,
        samples=measured.samples if measured else 0,
        loads=tuple(await parts.chronicle.history.loads_by_mode(profile.id)),
        gets_faster_mode=_gets_faster_mode(parts, profile, plan),
    )


def _gets_faster_mode(parts: Parts, profile: Profile, plan: Plan) -> bool:
    try:
        engine = parts.roster.engine(profile)
    except EngineError:
        return False
    return may_choose(profile, engine.flags, dict(engine.env), plan)


async def _plan(parts: Parts, variant: Profile | None) -> Plan | None:
    return await parts.plans.make(variant) if variant else None


def _flags_or_none(parts: Parts, engine: str | None) -> FlagSet | None:
    try:
        return parts.roster.engines.flags(engine)
    except EngineError:
        return None


def _tells(load: LoadEntry, profile: Profile) -> bool:
    """Whether it is of the profile as it is, was measured, and lay as it should."""
    lay_badly = load.verdict is not None and load.verdict.placement == "degraded"
    return load.fingerprint == profile.recipe and bool(load.generation) and not lay_badly
