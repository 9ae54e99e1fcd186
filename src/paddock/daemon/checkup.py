"""Examines profiles and machine for `paddock doctor`, with what only a daemon knows of them.

That is: which instances hold memory, how fast each profile ran, and plans as if all had left.
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from paddock.api.placement import Checkup, LoadEntry, Plan
from paddock.config.models_conf import read
from paddock.config.profile import Problem, Profile
from paddock.core.model import HOST
from paddock.errors import EngineError
from paddock.host.processes import swapped_mib
from paddock.llama.flags import FlagSet
from paddock.placement import examination
from paddock.placement.advice import checkup
from paddock.placement.devices import Readings
from paddock.placement.profile_facts import MachineFacts, ProfileFacts
from paddock.placement.survey import host_takers

if TYPE_CHECKING:
    from paddock.daemon.daemon import Daemon

_LOADS = 20  # of a profile: how far back a measured speed may lie


async def examine(daemon: "Daemon", profiles: Sequence[Profile]) -> Checkup:
    """What could be better about these profiles, about models.conf as it is now, and the machine."""
    daemon.gauge.measure()
    readings, swapped = await _readings(daemon), _swapped(daemon)
    problems = await asyncio.to_thread(_problems, daemon, {"", "*", *(p.id for p in profiles)})
    patients = [await _patient(daemon, profile, readings) for profile in profiles]
    machine = MachineFacts(
        environ=os.environ,
        config_files=await asyncio.to_thread(examination.config_files, os.environ),
        readings=readings,
        memory=daemon.ledger.memory,
        swapped=swapped,
        plans=examination.plans_for_gpus(patients),
        flags=await asyncio.to_thread(_flags_or_none, daemon, None),
    )
    return Checkup(advice=await asyncio.to_thread(checkup, problems, patients, machine))


async def _readings(daemon: "Daemon") -> Readings:
    """With the names of those who take RAM, for which every process is looked at."""
    found = dict(daemon.ledger.readings)
    ours = {holding.pid for holding in daemon.view.booked().values()}
    takers = await asyncio.to_thread(host_takers, ours)
    return found | {HOST: replace(found[HOST], takers=takers)}


def _swapped(daemon: "Daemon") -> dict[str, int]:
    """MiB by profile, of the process itself: a wrapper's child is not looked at."""
    instances = daemon.keeper.instances.values()
    return {i.profile: swapped_mib(i.record.worker) for i in instances if i.record.worker}


def _problems(daemon: "Daemon", sections: set[str]) -> list[Problem]:
    """Of the file as it is now, which need not be in force, against the flags of today's engines."""
    paths, engines = daemon.paths, daemon.roster.engines
    stable, problems = read(
        paths.config,
        models_dir=paths.models_dir,
        flags_for=engines.flags,
        defaults_for=engines.defaults,
    )
    return [p for p in problems if p.section in sections or stable is None]


# ---- a profile ----


async def _patient(daemon: "Daemon", profile: Profile, readings: Readings) -> ProfileFacts:
    measured = await _measured(daemon, profile)
    cache, plan = daemon.paths.state_dir, await daemon.plans.make(profile)
    return ProfileFacts(
        profile=profile,
        flags=await asyncio.to_thread(_flags_or_none, daemon, profile.engine),
        files=await asyncio.to_thread(examination.read_files, profile, cache_dir=cache),
        plan=plan,
        unforced=await _plan(daemon, examination.unforced(profile)),
        unbound=await _plan(daemon, examination.unbound(profile, plan)),
        small_batch=await _plan(daemon, examination.with_small_batch(profile)),
        readings=readings,
        generation=measured.generation if measured else None,
        samples=measured.samples if measured else 0,
    )


async def _plan(daemon: "Daemon", variant: Profile | None) -> Plan | None:
    return await daemon.plans.make(variant) if variant else None


def _flags_or_none(daemon: "Daemon", engine: str | None) -> FlagSet | None:
    try:
        return daemon.roster.engines.flags(engine)
    except EngineError:
        return None


async def _measured(daemon: "Daemon", profile: Profile) -> LoadEntry | None:
    """The last load of the profile as it is that was measured, and lay as it should."""
    history = daemon.chronicle.history
    loads = await history.loads(profile.id, limit=_LOADS) if history else []
    return next((load for load in loads if _tells(load, profile)), None)


def _tells(load: LoadEntry, profile: Profile) -> bool:
    lay_badly = load.verdict is not None and load.verdict.placement == "degraded"
    return load.fingerprint == profile.recipe and bool(load.generation) and not lay_badly
