"""models.conf, and of paddock.toml the engines, while the daemon runs: read, watched, and made active
as a whole or not at all."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from paddock import excerpt
from paddock.api.types import Failure
from paddock.config.profile import Profile, Stable
from paddock.config.settings import Settings
from paddock.core import events as ev
from paddock.core.model import Rules
from paddock.daemon.activity.metrics import Metrics
from paddock.daemon.activity.switches import Switches
from paddock.daemon.faults import Faults
from paddock.daemon.loop import Loop
from paddock.daemon.memory.plans import ProfilePlans
from paddock.daemon.memory.specs import Specs
from paddock.daemon.profiles.roster import Revision, Roster
from paddock.daemon.profiles.watch import written
from paddock.daemon.refusals import failure_of
from paddock.daemon.reports.publisher import Publisher
from paddock.daemon.turns import in_turns, let_go
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
        refuse_while_yielded=settings.on_yield == "refuse",
    )


class SettingsSource(Protocol):
    """Where settings are read again when their file has changed."""

    def read(self) -> Settings:
        """Blocking. Raises ConfigError."""


@dataclass
class FixedSettings:
    """Settings that never change."""

    settings: Settings

    def read(self) -> Settings:
        return self.settings


class Configuration:
    """Keeps the roster, and the scheduler's view of it, as models.conf says."""

    def __init__(
        self,
        settings: Settings,
        source: SettingsSource,
        roster: Roster,
        plans: ProfilePlans,
        switches: Switches,
        loop: Loop,
        publisher: Publisher,
        metrics: Metrics,
        faults: Faults,
    ) -> None:
        """`settings`: those that the daemon was started with; `source` reads today's."""
        self._settings, self._source = settings, source
        self._roster, self._plans, self._switches = roster, plans, switches
        self._loop, self._publisher, self._metrics = loop, publisher, metrics
        self._faults = faults
        self._specs = Specs(plans, switches)
        self._reading = asyncio.Lock()
        self._is_wanted, self._is_unread = asyncio.Event(), asyncio.Event()

    async def read(self) -> None:
        """Read the files. Raises ConfigError or EngineError, and then nothing has changed."""
        self._take(*await self._look())

    async def _look(self) -> tuple[Settings, Revision]:
        settings = await asyncio.to_thread(self._source.read)
        engines = Engines.of(settings, self._roster.engines.cache_dir)
        return settings, await self._roster.read(engines)

    def _take(self, settings: Settings, draft: Revision) -> None:
        stable = draft.stable
        self._specs.keep_only(stable)
        self._plans.keep_only(stable)
        warnings = excerpt.first([*self._not_yet_effective(settings), *map(str, stable.warnings)])
        self._roster.take(draft, list(warnings))

    def _not_yet_effective(self, settings: Settings) -> Iterator[str]:
        """Of what a running daemon does not take over, that which was changed."""
        for key in msgspec.structs.fields(Settings):
            before, now = getattr(self._settings, key.name), getattr(settings, key.name)
            if before != now and key.name not in _TAKEN_OVER:
                yield f"paddock.toml: {key.encode_name} was changed: takes effect after `paddock restart`"

    async def reload(self) -> None:
        """Read it again and make it active, or publish why not. Raises as `read` does."""
        async with self._reading:
            await self._reload()
        await self.refine()

    async def _reload(self) -> None:
        try:
            settings, draft = await self._look()
        except (ConfigError, EngineError) as error:
            _log.error(
                "%s: not applied: %s (%s)", self._roster.info.path, error, "; ".join(error.detail)
            )
            self._not_taken_over(failure_of(error))
            raise
        except Exception as error:
            self._not_taken_over(Failure(code="internal", message=f"an internal fault: {error!r}"))
            raise
        await self._prepare(draft.stable)
        before = list(self._roster.stable.profiles.values())
        self._take(settings, draft)
        self.activate()
        self._metrics.forget(draft.changes.removed)
        self._publisher.config_changed(self._roster.info, draft.changes)
        await let_go(before)

    async def put_trial(self, trial: Profile | None) -> None:
        """Have this profile, which is in no file, beside those of models.conf; None: no longer."""
        async with self._reading:
            stable, changes = self._roster.with_trial(trial)
            await self._prepare(stable)
            self._specs.keep_only(stable)
            self._plans.keep_only(stable)
            self._roster.take_trial(trial, stable)
            self.activate()
            self._metrics.forget(changes.removed)
            self._publisher.config_changed(self._roster.info, changes)
        await self.refine()

    def _not_taken_over(self, why: Failure) -> None:
        self._roster.note_refusal(why)
        self._publisher.config_changed(self._roster.info)

    async def reload_quietly(self) -> None:
        """Like `reload`; what goes wrong is in the log, on the bus and in status alone."""
        with self._faults.caught("configuration"), suppress(ConfigError, EngineError):
            await self.reload()

    async def watch(self, path: Path) -> None:
        """Reload after each change of this file, for ever."""
        async for _ in written(path):
            await self.reload_quietly()

    def reload_soon(self) -> None:
        """Like `reload_quietly`, for those who cannot wait."""
        self._is_wanted.set()

    async def run(self) -> None:
        """Reload whenever that is wanted, for ever."""
        while True:
            await self._is_wanted.wait()
            self._is_wanted.clear()
            await self.reload_quietly()

    def refine_soon(self) -> None:
        """Like `refine`, for those who cannot wait: a model's file is not as it was."""
        self._is_unread.set()

    async def run_refining(self) -> None:
        """Refine at the beginning, and whenever that is wanted, for ever."""
        while True:
            self._is_unread.clear()
            await self.refine()
            await self._is_unread.wait()

    async def refine(self) -> None:
        """Look at model files that are new or were changed: their headers, then what engines plan."""
        new, changed = await self._roster.read_facts()
        if new or changed:
            self._plans.reconsider(changed)
            await self.renew()

    def activate(self) -> None:
        """Let the scheduler know what profiles there are and what they need."""
        self._loop.feed(ev.Configured(tuple(self._specs.of(self._roster.stable))))
        self._plans.wake()

    async def renew(self) -> None:
        """The same, where profiles, plans or facts are new; others have their turn meanwhile."""
        await self._prepare(self._roster.stable)
        self.activate()

    async def _prepare(self, stable: Stable) -> None:
        """Make the specs that are not made yet; again where a plan came meanwhile that changes all."""
        made = -1
        while made != self._specs.made:
            made = self._specs.made
            async for _ in in_turns(self._specs.of(stable)):
                pass
