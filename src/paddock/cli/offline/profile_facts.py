"""Profiles and the machine as the rules of advice want them, gathered without a daemon."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from paddock.cli.offline.planning import Local
from paddock.errors import EngineError
from paddock.host.memory import read_memory
from paddock.placement import examination
from paddock.placement.plan_cache import PlanCache
from paddock.placement.planner import Planner
from paddock.placement.profile_facts import MachineFacts, ProfileFacts, value
from paddock.placement.survey import survey

if TYPE_CHECKING:
    from paddock.api.placement import DevicePlan, Plan
    from paddock.cli.offline.files import Files
    from paddock.config.profile import Profile
    from paddock.llama.flags import FlagSet


def facts_of(files: Files, profiles: Iterable[Profile]) -> list[ProfileFacts]:
    """With what their files say and, where margins are written, what the GPUs have; without plans.

    No engine is started for that: what it saw when it planned last is what is known of its order.
    """
    wanted = list(profiles)
    has_margins = any(profile.flag("--fit-target") for profile in wanted)
    readings = survey(with_takers=False) if has_margins else {}
    found = examination.read_files_of(wanted, cache_dir=files.paths.state_dir)
    flags = {name: _flags(files, name) for name in {profile.engine for profile in wanted}}
    return [
        ProfileFacts(
            profile=profile,
            flags=flags[profile.engine],
            files=own,
            readings=readings,
            devices=_devices(files, profile) if profile.flag("--fit-target") else (),
        )
        for profile, own in zip(wanted, found, strict=True)
    ]


def _devices(files: Files, profile: Profile) -> tuple[DevicePlan, ...]:
    try:
        engine = files.engines.find(profile.engine)
    except EngineError:
        return ()
    endpoints = value(profile, "--rpc", "").split(",") if profile.flag("--rpc") else []
    return tuple(PlanCache(files.paths.state_dir / "plans").devices(engine, endpoints))


def with_refusals(files: Files, found: Iterable[ProfileFacts]) -> Iterator[ProfileFacts]:
    """The same, each with what its engine says of files of which only that can say whether they load.

    Or of which it has said before that they do not. It loads nothing and sees no GPU.
    """
    engines, planner = files.engines, Planner(PlanCache(files.paths.state_dir / "plans"))
    for facts in found:
        try:
            engine = engines.find(facts.profile.engine)
        except EngineError:
            yield facts
            continue
        is_open = examination.is_doubtful(facts.files)
        if is_open or planner.refused_before(facts.profile, engine):
            yield replace(facts, refusal=planner.refusal(facts.profile, engine) or "")
        else:
            yield facts


def with_plans(here: Local, found: Sequence[ProfileFacts]) -> Iterator[ProfileFacts]:
    """The same with their plans, one after another."""
    for facts in found:
        profile = facts.profile
        plan = here.plan(profile)
        yield replace(
            facts,
            plan=plan,
            unforced=_plan(here, examination.unforced(profile)),
            unbound=_plan(here, examination.unbound(profile, plan)),
            small_batch=_plan(here, examination.with_small_batch(profile)),
            readings=here.around.readings,
        )


def machine_facts(files: Files, here: Local | None, found: Sequence[ProfileFacts]) -> MachineFacts:
    """This machine, and this terminal's environment."""
    return MachineFacts(
        environ=os.environ,
        config_files=examination.config_files(os.environ),
        readings=here.around.readings if here else {},
        memory=read_memory(),
        plans=examination.plans_for_gpus(found),
        flags=_flags(files, None),
    )


def _plan(here: Local, variant: Profile | None) -> Plan | None:
    return here.plan(variant) if variant else None


def _flags(files: Files, engine: str | None) -> FlagSet | None:
    try:
        return files.engines.flags(engine)
    except EngineError:
        return None
