"""Chooses how a load's weights come from the disk, where this machine's own loads name a mode.

It never tries one: a mode is known only once somebody has loaded with it.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from paddock.api.placement import LoadEntry, LoadMode, PageCache
from paddock.config.profile import Profile
from paddock.core.model import ProfileId
from paddock.daemon.faults import Faults
from paddock.daemon.memory.plans import ProfilePlans
from paddock.daemon.memory.read_ahead import ReadAhead
from paddock.engine.engine import Engine
from paddock.placement import load_modes as rule

_log = logging.getLogger(__name__)
_PATIENCE = 0.5  # seconds that a load waits to know what is cached: a disk may hang


class Evidence(Protocol):
    """Whoever remembers loads: the history."""

    async def loads_by_mode(self, profile: str) -> Sequence[LoadEntry]:
        """The newest ones of each load mode, warm and cold."""


class LoadModes:
    """Which mode a load is given. Asks the history once a load, and looks at files only where that names one."""

    def __init__(
        self, evidence: Evidence, plans: ProfilePlans, read_ahead: ReadAhead, faults: Faults
    ) -> None:
        self._evidence, self._plans, self._read_ahead = evidence, plans, read_ahead
        self._faults = faults

    async def of(self, profile: Profile, engine: Engine) -> LoadMode | None:
        """What this load is given, by what is cached now; None: what the profile and llama-server say."""
        with self._faults.caught("load-modes"):
            try:
                async with asyncio.timeout(_PATIENCE):
                    found = await self._of(profile, engine)
            except TimeoutError:
                return None
            if found:
                _log.info("load-mode = %s for %s: %s", found.mode, profile.id, found.why)
            if found and found.mode == "dio":
                self._read_ahead.bypass(ProfileId(profile.id))
            return found
        return None

    async def named(self, profile: Profile, engine: Engine) -> list[LoadMode]:
        """What loads are given that begin warm, and cold; empty where nothing is chosen."""
        with self._faults.caught("load-modes"):
            return (await self._named(profile, engine))[0]
        return []

    async def _of(self, profile: Profile, engine: Engine) -> LoadMode | None:
        found, state = await self._named(profile, engine)
        return next((mode for mode in found if mode.page_cache == state), None)

    async def _named(
        self, profile: Profile, engine: Engine
    ) -> tuple[list[LoadMode], PageCache | None]:
        """With what the page cache has of its files now."""
        plan = self._plans.engine_plan(profile.fingerprint)
        if not rule.may_choose(profile, engine.flags, dict(engine.env), plan):
            return [], None
        loads = await self._evidence.loads_by_mode(profile.id)
        if len(set(map(rule.mode_of, loads))) < 2:
            return [], None
        seen = await self._read_ahead.seen(profile, within=_PATIENCE)
        if seen is None:
            return [], None
        named = (rule.named(loads, state, seen.mib) for state in rule.STATES)
        return [mode for mode in named if mode], rule.page_cache(seen.share)
