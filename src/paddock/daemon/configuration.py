"""models.conf, and of paddock.toml the engines, while the daemon runs: read, watched, and put in force
as a whole or not at all."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from paddock.api.types import ConfigInfo
from paddock.config.explain import Changes
from paddock.config.settings import Settings
from paddock.core import events as ev
from paddock.core.model import ProfileId, Rules
from paddock.daemon.bus import timestamp
from paddock.daemon.demands import spec_of
from paddock.daemon.herald import Herald
from paddock.daemon.plans import Plans
from paddock.daemon.refusals import failure_of
from paddock.daemon.roster import Roster
from paddock.daemon.switches import Switches
from paddock.daemon.watch import written
from paddock.engine.engines import Engines
from paddock.errors import ConfigError, EngineError

_log = logging.getLogger(__name__)
_TAKEN_OVER = {"engine", "engines"}


def rules_of(settings: Settings) -> Rules:
    """The numbers of the policy."""
    return Rules(
        patience=settings.patience,
        queue_limit=settings.queue_limit,
        drain_timeout=settings.drain_timeout,
    )


class Configuration:
    """Keeps the roster, and the scheduler's view of it, as models.conf says."""

    def __init__(
        self,
        roster: Roster,
        plans: Plans,
        switches: Switches,
        herald: Herald,
        feed: Callable[[ev.Event], None],
        *,
        settings: Settings,
        read_settings: Callable[[], Settings],
    ) -> None:
        """`settings`: those that the daemon was started with; `read_settings` tells today's."""
        self._roster, self._plans, self._switches = roster, plans, switches
        self._herald, self._feed = herald, feed
        self._settings, self._read_settings = settings, read_settings
        self.info = ConfigInfo(path=str(roster.stable.path), loaded_at="")

    async def read(self) -> Changes:
        """Read the files. Raises ConfigError or EngineError, and then nothing has changed."""
        settings = await asyncio.to_thread(self._read_settings)
        changes = await self._roster.read(Engines.of(settings, self._roster.engines.cache_dir))
        stable = self._roster.stable
        self.info = ConfigInfo(
            path=str(stable.path),
            loaded_at=timestamp(),
            warnings=[*map(str, stable.warnings), *self._not_in_force(settings)],
        )
        return changes

    def _not_in_force(self, settings: Settings) -> Iterator[str]:
        """Of what a running daemon does not take over, that which was changed."""
        for key in msgspec.structs.fields(Settings):
            before, now = getattr(self._settings, key.name), getattr(settings, key.name)
            if before != now and key.name not in _TAKEN_OVER:
                yield f"paddock.toml: {key.encode_name} was changed: in force after `paddock restart`"

    async def reload(self) -> None:
        """Read it again and put it in force, or tell everybody why not. Raises as `read` does."""
        try:
            changes = await self.read()
        except (ConfigError, EngineError) as error:
            _log.error("%s: not in force: %s %s", self.info.path, error, "; ".join(error.detail))
            self.info.error = failure_of(error)
            self._herald.config_changed(self.info)
            raise
        self.put_in_force()
        self._herald.config_changed(self.info, changes)
        await self.refine()

    async def reload_quietly(self) -> None:
        with suppress(ConfigError, EngineError):  # told in `reload`
            await self.reload()

    async def watch(self, path: Path) -> None:
        """Reload after each change of this file, for ever."""
        async for _ in written(path):
            await self.reload_quietly()

    async def refine(self) -> None:
        """Look at model files that are new or were changed: their headers, then what engines plan."""
        new, changed = await self._roster.read_facts()
        if new or changed:
            self._plans.reconsider(changed)
            self.put_in_force()

    def put_in_force(self) -> None:
        """Tell the scheduler what profiles there are and what they need."""
        expected = self._switches.expected
        specs = [
            spec_of(profile, self._plans.of(profile), measured_cost=expected.get(ProfileId(name)))
            for name, profile in self._roster.stable.profiles.items()
        ]
        self._feed(ev.Configured(tuple(specs)))
        self._plans.wake()
