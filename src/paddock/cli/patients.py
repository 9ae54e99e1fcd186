"""Profiles and the machine as the rules of advice want them, gathered without a daemon."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from paddock.cli.planning import Local
from paddock.errors import EngineError
from paddock.host.memory import read_memory
from paddock.placement import examination
from paddock.placement.patient import Machine, Patient

if TYPE_CHECKING:
    from paddock.api.placement import Plan
    from paddock.cli.files import Files
    from paddock.config.profile import Profile
    from paddock.llama.flags import FlagSet


def patients(files: Files, profiles: Iterable[Profile]) -> list[Patient]:
    """With what their files say, without plans. A header takes 0.3 s to read, so several at once."""

    def one(profile: Profile) -> Patient:
        found = examination.read_files(profile, cache_dir=files.paths.state_dir)
        return Patient(profile=profile, flags=_flags(files, profile.engine), files=found)

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        return list(pool.map(one, profiles))


def planned(here: Local, found: Sequence[Patient]) -> Iterator[Patient]:
    """The same with their plans, one after another."""
    for patient in found:
        profile = patient.profile
        plan = here.plan(profile)
        yield replace(
            patient,
            plan=plan,
            unforced=_plan(here, examination.unforced(profile)),
            unbound=_plan(here, examination.unbound(profile, plan)),
            small_batch=_plan(here, examination.with_small_batch(profile)),
            readings=here.around.readings,
        )


def machine(files: Files, here: Local | None, found: Sequence[Patient]) -> Machine:
    """This machine, and this terminal's environment."""
    return Machine(
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
