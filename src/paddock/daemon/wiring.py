"""The parts of the daemon put together, room by room: each group is built from those above it.

Nothing is injected later. What the daemon itself does for its parts, they take as an `Owner`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from paddock.api.activity import Totals
from paddock.config.paths import daemon_log, held_gpus_file, keys_file
from paddock.config.settings import Paths, Settings
from paddock.core.scheduler import Scheduler
from paddock.daemon.activity.bus import Bus
from paddock.daemon.activity.metrics import Metrics
from paddock.daemon.activity.pull_book import PullBook
from paddock.daemon.activity.requests import Requests
from paddock.daemon.activity.switches import Switches
from paddock.daemon.activity.tuning_book import TuningBook
from paddock.daemon.activity.usage import Usage
from paddock.daemon.activity.watchman import Watchman
from paddock.daemon.adoption import Adoption
from paddock.daemon.aftermath import Aftermath
from paddock.daemon.clock import Clock, timestamp
from paddock.daemon.configuration import Configuration, SettingsSource, rules_of
from paddock.daemon.early_starts import EarlyStarts
from paddock.daemon.editor import Editor
from paddock.daemon.engine_desk import EngineDesk
from paddock.daemon.faults import Faults
from paddock.daemon.fetches import Fetches
from paddock.daemon.history.chronicle import Chronicle, VerdictListener
from paddock.daemon.history.observer import Observer
from paddock.daemon.history.probes import Probes
from paddock.daemon.history.store import HistoryStore
from paddock.daemon.history.switch_log import SwitchLog
from paddock.daemon.history.usage_log import UsageLog
from paddock.daemon.instance_tasks import InstanceTasks
from paddock.daemon.instances.contexts import Contexts, ram_folders
from paddock.daemon.instances.keeper import Keeper
from paddock.daemon.instances.records import Records
from paddock.daemon.instances.registry import Registry
from paddock.daemon.keyring import Keyring
from paddock.daemon.lent import LentDevices
from paddock.daemon.logs.logbook import Logbook
from paddock.daemon.loop import Effects, Loop
from paddock.daemon.memory.ledger import Ledger
from paddock.daemon.memory.load_modes import LoadModes
from paddock.daemon.memory.plans import ProfilePlans
from paddock.daemon.memory.read_ahead import ReadAhead
from paddock.daemon.memory.rehearsals import PlanListener
from paddock.daemon.memory.replays import Replays
from paddock.daemon.memory.sampler import Sampler
from paddock.daemon.model_names import ModelNames
from paddock.daemon.orders import Orders
from paddock.daemon.parts import Parts
from paddock.daemon.profiles.flaws import Flaws
from paddock.daemon.profiles.model_files import ModelFiles
from paddock.daemon.profiles.roster import Roster
from paddock.daemon.pulls import Pulls
from paddock.daemon.reports.activity_feed import ActivityFeed
from paddock.daemon.reports.device_watch import DeviceWatch
from paddock.daemon.reports.publisher import Publisher
from paddock.daemon.reports.view import StatusView
from paddock.daemon.starter import Starter
from paddock.daemon.supervisor import Supervisor
from paddock.daemon.tunings import Tunings
from paddock.daemon.yield_state import YieldState
from paddock.daemon.yield_to import YieldTo
from paddock.daemon.yielding import Yielding


class Owner(Effects, PlanListener, VerdictListener, Protocol):
    """Whoever performs what the scheduler decides and hears what the parts find: the daemon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a daemon is made of."""

    paths: Paths
    settings: Settings
    source: SettingsSource  # reads the settings anew
    listen: Sequence[str]  # `host:port` of each socket
    records: Records
    history: HistoryStore
    faults: Faults
    clock: Clock


class BaseRoom:
    """Who decides, by what it knows of profiles, devices and instances."""

    def __init__(self, given: Given, owner: Owner) -> None:
        settings, faults, clock = given.settings, given.faults, given.clock
        self.scheduler = Scheduler(rules_of(settings), first_number=given.records.next_number())
        self.registry = Registry(self.scheduler)
        self.roster = Roster(given.paths, settings, faults)
        self.flaws = Flaws(self.roster)
        self.kept = ram_folders(given.paths, settings)
        overheads = given.paths.state_dir / "overheads.json"
        held = held_gpus_file(given.paths.state_dir)
        self.ledger = Ledger(settings, memory_file=overheads, kept=self.kept, held_file=held)
        self.pull_book = PullBook()
        self.switches = Switches(self.scheduler, self.registry, self.pull_book, clock)
        self.usage = Usage(self.scheduler, clock)
        self.requests = Requests(clock)
        self.loop = Loop(self.scheduler, self.registry, self.switches, owner, clock, faults)


class MemoryRoom:
    """What is free, where each profile will lie, and what of its files comes first."""

    def __init__(self, given: Given, base: BaseRoom, owner: Owner) -> None:
        scheduler, registry, faults = base.scheduler, base.registry, given.faults
        self.sampler = Sampler(base.loop, base.ledger, scheduler, registry, faults)
        self.plans = ProfilePlans(
            base.roster, base.ledger, base.flaws, scheduler, registry, self.sampler, owner, faults,
            state_dir=given.paths.state_dir, ahead=given.settings.plan_ahead,
        )  # fmt: skip
        self.read_ahead = ReadAhead(base.switches, base.roster, self.plans, faults)
        self.load_modes = LoadModes(given.history, self.plans, self.read_ahead, faults)
        self.replays = Replays(self.plans, base.ledger, self.sampler, scheduler, faults)


class PastRoom:
    """What loads were like, how fast they ran, and what their slots held."""

    def __init__(self, given: Given, base: BaseRoom, memory: MemoryRoom, owner: Owner) -> None:
        scheduler, faults, clock = base.scheduler, given.faults, given.clock
        self.probes = Probes(base.roster, scheduler, faults, after=given.settings.probe_after)
        observer = Observer(base.ledger, scheduler, base.roster, memory.plans)
        self.chronicle = Chronicle(given.history, observer, given.records, owner, clock, faults)
        self.switch_log = SwitchLog(self.chronicle, base.requests, scheduler, clock)
        self.contexts = Contexts(given.paths, given.settings, self.chronicle, base.kept)
        self.keeper = Keeper(self.contexts, base.registry, scheduler, clock, faults)


class ReportsRoom:
    """What people see of it all."""

    def __init__(self, given: Given, base: BaseRoom, memory: MemoryRoom, past: PastRoom) -> None:
        self.parts = parts = Parts(
            paths=given.paths, listen=tuple(given.listen), started_at=timestamp(),
            clock=given.clock, faults=given.faults, scheduler=base.scheduler,
            registry=base.registry, roster=base.roster, files=ModelFiles(given.clock),
            flaws=base.flaws, ledger=base.ledger, plans=memory.plans, chronicle=past.chronicle,
            requests=base.requests, totals=Totals(), switches=base.switches, usage=base.usage,
            yield_state=YieldState(given.paths.state_dir / "yield.json", given.faults),
            on_yield=given.settings.on_yield,
            contexts=past.contexts, pull_book=base.pull_book, tuning_book=TuningBook(),
        )  # fmt: skip
        self.view = view = StatusView(parts)
        self.bus, self.metrics = Bus(view), Metrics(view, parts.totals)
        keys = keys_file(given.paths.state_dir)
        self.keyring = Keyring(given.settings, keys, self.metrics)
        self.usage_log = UsageLog(past.chronicle, self.metrics)
        self.publisher = Publisher(
            self.bus, view, base.scheduler, base.switches, base.pull_book, given.faults
        )
        self.activity_feed = ActivityFeed(
            self.bus, base.requests, parts.totals, base.ledger, base.registry, view, given.clock
        )
        self.device_watch = DeviceWatch(parts)


class ControlRoom:
    """What changes something: instances, models.conf, yielding, and what clients ask for."""

    def __init__(
        self, given: Given, base: BaseRoom, memory: MemoryRoom, past: PastRoom, reports: ReportsRoom
    ) -> None:
        settings, records, faults, clock = given.settings, given.records, given.faults, given.clock
        loop, roster, plans, sampler = base.loop, base.roster, memory.plans, memory.sampler
        publisher, metrics, state = reports.publisher, reports.metrics, reports.parts.yield_state
        self.aftermath = Aftermath(
            loop, roster, base.flaws, publisher, past.chronicle, base.switches, past.switch_log,
            past.probes, base.requests, metrics, sampler, reports.parts.tuning_book, faults,
        )  # fmt: skip
        self.instance_tasks = InstanceTasks(
            settings, records, base.registry, base.ledger, past.contexts, self.aftermath, loop,
            faults, clock,
        )  # fmt: skip
        self.adoption = Adoption(
            records, base.registry, past.contexts, self.instance_tasks, loop, faults
        )
        starter = Starter(
            settings, records, roster, past.contexts, memory.replays, memory.load_modes,
            base.requests,
        )  # fmt: skip
        early = EarlyStarts(
            records, base.registry, roster, base.ledger, plans, starter, past.contexts, faults
        )
        self.supervisor = Supervisor(
            records, base.registry, roster, plans, base.flaws, past.contexts, starter, early,
            self.instance_tasks, faults,
        )  # fmt: skip
        self.configuration = Configuration(
            settings, given.source, roster, plans, base.switches, loop, publisher, metrics, faults
        )
        self.engine_desk = EngineDesk(given.paths, roster, self.configuration)
        self.editor = Editor(reports.parts, settings, reports.keyring, self.configuration)
        self.yielding = Yielding(
            state, loop, base.scheduler, roster, plans, sampler, publisher, faults
        )
        self.pulls = Pulls(
            given.paths, settings, base.pull_book, publisher, self.configuration, faults,
            listen=next(iter(given.listen), "127.0.0.1:1"),
        )  # fmt: skip
        self.fetches = Fetches(self.pulls, base.pull_book, roster, base.switches, publisher, faults)
        self.yield_to = YieldTo(settings.yield_to, self.yielding, state, clock)
        self.watchman = Watchman(
            base.requests, base.registry, clock, faults, timeout=settings.hang_timeout
        )
        self.logbook = Logbook(records, roster, own=daemon_log(given.paths.state_dir))
        self.names = ModelNames(roster, base.usage, settings.unknown_model)
        self.orders = Orders(
            self.names, roster, base.scheduler, base.registry, base.flaws, base.switches, loop,
            records, self.configuration, self.yielding, self.fetches, clock,
        )  # fmt: skip
        self.lent = LentDevices(
            given.paths, roster, base.scheduler, self.configuration, self.orders
        )
        self.tunings = Tunings(
            given.paths, settings, roster, loop, base.scheduler, self.configuration, self.orders,
            publisher, reports.parts.tuning_book, faults,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rooms:
    """All of them."""

    given: Given
    base: BaseRoom
    memory: MemoryRoom
    past: PastRoom
    reports: ReportsRoom
    control: ControlRoom


def wired(given: Given, owner: Owner) -> Rooms:
    """The parts of a daemon, each with its collaborators. Nothing of them runs yet."""
    base = BaseRoom(given, owner)
    memory = MemoryRoom(given, base, owner)
    past = PastRoom(given, base, memory, owner)
    reports = ReportsRoom(given, base, memory, past)
    return Rooms(
        given, base, memory, past, reports, ControlRoom(given, base, memory, past, reports)
    )
