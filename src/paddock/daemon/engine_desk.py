"""The engines as people see them, and the default among them, which is changed as `paddock engine` does it."""

import asyncio

import msgspec

from paddock.api.engines import EngineInfo, EngineList, TrialInfo
from paddock.config.engines import EngineSpec
from paddock.config.settings import Paths
from paddock.daemon.configuration import Configuration
from paddock.daemon.profiles.roster import Roster
from paddock.engine.defaults import Defaults
from paddock.engine.trial_store import TrialStore, open_trial_store
from paddock.errors import ConfigError, EngineError


class EngineDesk:
    """Lists engines, promotes one and goes back; models that run keep theirs until their next switch."""

    def __init__(self, paths: Paths, roster: Roster, configuration: Configuration) -> None:
        self._paths, self._roster, self._configuration = paths, roster, configuration
        self._changing = asyncio.Lock()

    async def engines(self) -> EngineList:
        """All of them. In a thread: a new build prints its version and flags first."""
        return await asyncio.to_thread(self._list)

    async def promote(self, name: str, *, force: bool) -> EngineList:
        """Make it the default. Raises DefaultStays, EngineError or ConfigError."""
        async with self._changing:
            if await asyncio.to_thread(self._defaults().promote, name, force=force):
                await self._take_over(name)
        return await self.engines()

    async def roll_back(self) -> EngineList:
        """Make the former default the default again. Raises EngineError or ConfigError."""
        async with self._changing:
            await self._take_over(await asyncio.to_thread(self._defaults().restore))
        return await self.engines()

    async def _take_over(self, name: str | None) -> None:
        await self._configuration.reload()
        if self._roster.engines.default != name:
            raise ConfigError(
                f"{self._paths.settings} says engine = {name!r} now, but this daemon was started with another",
                hint="--engine and PADDOCK_ENGINE outweigh the file: start it without them",
            )

    def _defaults(self) -> Defaults:
        return Defaults(self._paths.settings, self._paths.state_dir, self._roster.engines)

    def _list(self) -> EngineList:
        defaults, store = self._defaults(), open_trial_store(self._paths.state_dir)
        return EngineList(
            engines=[self._info(name, store) for name in defaults.names()],
            can_roll_back=bool(store.former),
            former=store.former[-1] if store.former else None,
        )

    def _info(self, name: str, store: TrialStore) -> EngineInfo:
        engines = self._roster.engines
        spec = engines.spec(name) or EngineSpec()
        info = EngineInfo(
            name=name,
            default=name == engines.default,
            patches=list(spec.patches),
            note=spec.note,
            url=spec.url,
            profiles=[p.id for p in self._roster.stable.profiles.values() if p.engine == name],
        )
        try:
            engine = engines.find(name)
        except EngineError as error:
            info.error = error.message
            return info
        info.version, info.build, info.kind = engine.version, engine.build, engine.kind
        if trial := store.trial_of(engine):
            info.tried = msgspec.convert(trial, TrialInfo, from_attributes=True)
        return info
