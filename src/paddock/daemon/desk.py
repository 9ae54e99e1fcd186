"""What clients ask of the daemon and look at, by the names that `http` uses."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from paddock.api import types as wire
from paddock.api.contexts import SavedContexts, Spared
from paddock.api.models import ModelCard
from paddock.api.placement import LoadMode, Plan
from paddock.config.profile import Profile
from paddock.core.model import InstanceId, ProfileId
from paddock.daemon.instances.hand_saved import HandSaved
from paddock.daemon.reports.catalog import catalog, model_card
from paddock.daemon.reports.saved_contexts import saved_contexts
from paddock.daemon.turns import in_turns
from paddock.daemon.wiring import Rooms
from paddock.errors import EngineError
from paddock.llama.facts import file_mark
from paddock.llama.gguf import Facts
from paddock.placement.missing_files import with_missing_files


class Desk:
    """The daemon as its clients know it: it answers and passes on, and decides nothing."""

    def __init__(self, rooms: Rooms) -> None:
        given, base, control = rooms.given, rooms.base, rooms.control
        self.paths, self.settings = given.paths, given.settings
        self.parts, self.view = rooms.reports.parts, rooms.reports.view
        self.bus, self.metrics = rooms.reports.bus, rooms.reports.metrics
        self.engine_desk = control.engine_desk
        self.device_watch = rooms.reports.device_watch
        self.keyring, self.usage_log = rooms.reports.keyring, rooms.reports.usage_log
        self.listen, self.roster = self.parts.listen, base.roster
        self.requests, self.endpoints = base.requests, base.registry.endpoints
        self.chronicle, self.contexts = rooms.past.chronicle, rooms.past.contexts
        self.plans, self.sampler = rooms.memory.plans, rooms.memory.sampler
        self.read_ahead, self.load_modes = rooms.memory.read_ahead, rooms.memory.load_modes
        self.configuration, self.yielding = control.configuration, control.yielding
        self.pulls, self.pull_book = control.pulls, self.parts.pull_book
        self.tuning_book = self.parts.tuning_book
        self.bench_changed = rooms.reports.publisher.bench_changed
        self.editor, self.tunings = control.editor, control.tunings
        self.supervisor, self.logbook = control.supervisor, control.logbook
        self.reload, self.reload_soon = self.configuration.reload, self.configuration.reload_soon
        names, orders = control.names, control.orders
        self.resolve, self.named, self.asked = names.resolve, names.named, names.asked
        self.lease, self.loaded, self.held_back = orders.lease, orders.loaded, orders.held_back
        self.switch, self.job, self.cancel = orders.switch, orders.job, orders.cancel
        self.unload, self.let_idle, self.idle_left = (
            orders.unload, orders.let_idle, orders.idle_left,
        )  # fmt: skip

    @property
    def yielded_for(self) -> float | None:
        """Seconds until the GPUs are ours again; None: nobody knows, or they are."""
        record = self.parts.yield_state.current
        return record.left if record else None

    def file_mark(self, profile: Profile) -> str:
        """Changes with the files of its model. Blocking."""
        return file_mark(profile.model) if profile.model else ""

    def load_left(self, profile: str) -> float | None:
        """Seconds until its load is over, by what the last one took; None: nobody knows, or it does not load."""
        return self.parts.switches.progress(ProfileId(profile)).eta

    def status(self) -> wire.Status:
        return self.view.status()

    def profiles(self) -> Iterable[wire.ProfileInfo]:
        """Every profile as it is now, in the order of models.conf."""
        return self.view.profiles()

    def profile(self, profile: Profile) -> wire.ProfileInfo:
        """One of them."""
        return self.view.profile(profile)

    def catalog(self) -> Iterable[ModelCard]:
        """What users must know of each profile, in the same order."""
        return catalog(self.parts)

    def card(self, profile: Profile) -> ModelCard:
        """The same of one."""
        return model_card(self.parts, profile)

    async def look_at_files(self) -> None:
        """See to it that what lists say of files is a moment old at most."""
        await self.parts.files.look(self.roster.stable)

    def facts(self, profile: Profile) -> Facts | None:
        """What its model's file says, once it was read."""
        return self.roster.facts(profile)

    async def plan(self, profile: Profile) -> Plan:
        """Where it would lie if all others had left; its engine is asked if need be."""
        return with_missing_files(await self.plans.look_anew(profile), profile)

    async def known_plans(self, profiles: Iterable[Profile]) -> list[Plan]:
        """One for each of these: its engine's, or an estimate until that was asked."""
        return [with_missing_files(self.plans.of(p), p) async for p in in_turns(profiles)]

    def hand_saved(self, instance: InstanceId) -> HandSaved | None:
        """The contexts of an instance that somebody saves by hand; None where it keeps none."""
        live = self.parts.registry.get(instance)
        return self.contexts.hand_saved(live.record.contexts) if live else None

    async def chosen_modes(self, profile: str) -> list[LoadMode]:
        """The load modes that its next loads are given; empty too where models.conf has it no more."""
        if (found := self.roster.stable.find(profile)) is None:
            return []
        with suppress(EngineError):
            return await self.load_modes.named(found, self.roster.engine(found))
        return []

    async def saved_contexts(self) -> SavedContexts:
        """What is kept of all profiles, in RAM and on the disk."""
        return await saved_contexts(self.parts)

    async def forget_context(self, context: str) -> bool:
        """Delete one, by its id; False where there is none."""
        return await asyncio.to_thread(self.contexts.forget, context)

    def spared(self, profile: str) -> Spared:
        """What kept contexts have saved this profile, over all time."""
        return self.contexts.experience.spared(profile)
