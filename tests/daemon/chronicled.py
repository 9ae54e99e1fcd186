"""A chronicle with instances that are made up but for their records and logs.

A GPU cannot be had here, nor a speed that a test may rely on. The books, the history and the
scheduler are real.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paddock.api.placement import DevicePlan, LoadEntry, Plan, Verdict
from paddock.config.profile import Profile, Stable
from paddock.config.settings import Settings
from paddock.core.events import (
    Adopted,
    Asked,
    Configured,
    Exited,
    Left,
    Measured,
    MemoryFreed,
    Placed,
)
from paddock.core.model import HOST, Cause, DeviceId, ProfileId, Room, Spec, Ticket
from paddock.core.scheduler import Scheduler
from paddock.daemon.clock import Clock
from paddock.daemon.faults import Faults
from paddock.daemon.history.chronicle import Chronicle
from paddock.daemon.history.observer import Observer
from paddock.daemon.history.store import HistoryStore
from paddock.daemon.instances.instance import Instance
from paddock.daemon.instances.records import Record, Records
from paddock.daemon.memory.ledger import Ledger
from paddock.daemon.profiles.roster import Roster
from paddock.host.gpus import Gpu, GpuProcess, Telemetry
from paddock.llama.output import TaskLine, Timing
from tests.clock import SetClock
from tests.yard import places

GPU = DeviceId("0000:00:06.0")
CARD = Gpu(0, "NVIDIA H100", 81079, 8348, None, (GpuProcess(99, 70000, "hog"),), GPU, driver="580")
LOG = """\
0.1 I llama_prepare_model_devices: using device CUDA0 (NVIDIA H100) (0000:00:06.0) - 8348 MiB free
0.2 I load_tensors: loading model tensors, this can take a while... (load_mode = mmap)
0.3 I load_tensors: offloaded 33/33 layers to GPU
0.3 I load_tensors:        CUDA0 model buffer size =  4000.00 MiB
0.4 I llama_context: constructing llama_context
0.4 I llama_context: n_ctx                 = 8192
0.5 I llama_kv_cache:      CUDA0 KV buffer size =  1024.00 MiB
0.6 I sched_reserve: graph: nodes = 1001, splits = 2, input objects = 4, input tensors = 9
"""
FITTING = DevicePlan(device="CUDA0", id=GPU, model=4000, context=1024, available=8348, layers=33)
PLAN = Plan(
    profile="a", source="engine", fits=True, devices=[FITTING],
    n_ctx=8192, layers=33, layers_on_devices=33, graph_splits=2,
)  # fmt: skip
SHORT, LONG = 23, 24  # generated tokens, of which only the latter tell a speed


@dataclass
class MadeUpGpus:
    throttled: tuple[str, ...] = ()

    def read(self) -> list[Gpu]:
        return [CARD]

    def telemetry(self) -> dict[str, Telemetry]:
        return {GPU: Telemetry(throttled=self.throttled)}


class Silence:
    """Nobody wants to know about an instance."""

    def phase_changed(self, instance: Instance) -> None: ...
    def progressed(self, instance: Instance) -> None: ...
    def saving_changed(self, instance: Instance) -> None: ...
    def got_ready(self, instance: Instance) -> None: ...
    def taken_over(self, instance: Instance) -> None: ...
    def task_reported(self, instance: Instance, line: TaskLine) -> None: ...
    def request_timed(self, instance: Instance, prompt: Timing | None, answer: Timing) -> None: ...
    def ended(self, instance: Instance, cause: Cause | None) -> None: ...


@dataclass
class KnownPlans:
    """What engines planned, as a test says."""

    made: dict[str, Plan]  # by fingerprint

    def engine_plan(self, fingerprint: str) -> Plan | None:
        return self.made.get(fingerprint)


@dataclass
class World:
    """Profiles `a` and `b`, both on one GPU, a clock that a test moves, and the verdicts reached."""

    folder: Path
    history: HistoryStore
    gpus: MadeUpGpus = field(default_factory=MadeUpGpus)
    plans: dict[str, Plan] = field(default_factory=dict)  # by fingerprint
    profiles: dict[str, Profile] = field(default_factory=dict)
    reached: list[Verdict] = field(default_factory=list)
    now: float = 0.0

    def __post_init__(self) -> None:
        self.records = Records(self.folder / "state", self.folder / "run", kept=5)
        self.ledger = Ledger(Settings(), driver=self.gpus)
        self.paths = places(self.folder / "yard", "")
        self.roster = Roster(self.paths, Settings(), Faults())
        for name in "ab":
            self.define(Profile(name, 1, None, ()))
        self.plans = {self.profiles["a"].fingerprint: PLAN}
        self.begin()

    def define(self, profile: Profile) -> Profile:
        """models.conf has it from now on, in place of what was called so."""
        self.profiles = self.profiles | {profile.id: profile}
        self.roster.stable = Stable(self.paths.config, self.paths.models_dir, self.profiles)
        return profile

    def begin(self) -> None:
        """A daemon starts."""
        self.scheduler = Scheduler()
        specs = tuple(Spec(ProfileId(name), {GPU: 5000, HOST: 300}) for name in "ab")
        self.scheduler.handle(Configured(specs), 0)
        self.scheduler.handle(Measured(Room()), 0)
        self.ledger.read({})
        plans: Any = KnownPlans(self.plans)
        self.chronicle = Chronicle(
            self.history,
            Observer(self.ledger, self.scheduler, self.roster, plans),
            self.records,
            self,
            SetClock(lambda: self.now),
            Faults(),
        )

    def verdict_reached(self, _: Instance, verdict: Verdict) -> None:
        self.reached.append(verdict)

    def instance(self, name: str = "a", log: str = LOG, **known: Any) -> Instance:
        """It is live, ready, and has reported where it lies."""
        number = self.records.next_number()
        id_ = f"{name}.{number}"
        usual: dict[str, Any] = {"argv": [], "socket": "", "size_mib": 1, "created": "", "stop_timeout": 1.0}  # fmt: skip
        usual |= {"fingerprint": self.profiles[name].fingerprint, "engine": "native"}
        usual |= {"engine_version": "b11434", "instance": id_, "number": number, "profile": name}
        record = Record(**usual | known)
        self.records.save(record)
        live = Instance(
            record,
            self.records,
            Silence(),
            None,
            log_limit=1,
            faults=Faults(),
            clock=Clock(),
        )
        for line in log.splitlines():
            live.placement.feed(line)
        self.adopt(live)
        return live

    def adopt(self, live: Instance) -> None:
        self.scheduler.handle(
            Adopted(live.id, live.profile, live.record.fingerprint, ready=True), 0
        )
        self.scheduler.handle(Placed(live.id, {GPU: 5000, HOST: 300}), 0)

    async def loaded(self, name: str = "a", log: str = LOG, **known: Any) -> Instance:
        live = self.instance(name, log, **known)
        self.chronicle.load_ended(live, "ready", 2.5, None)
        await self.chronicle.finish()
        return live

    def end(self, live: Instance) -> None:
        self.chronicle.ended(live.id)
        self.scheduler.handle(Exited(live.id, Cause("stopped", "")), 0)
        self.scheduler.handle(MemoryFreed(live.id), 0)

    def ask(self, name: str, ticket: int) -> None:
        """A request is let in."""
        self.scheduler.handle(Asked(Ticket(ticket), ProfileId(name)), 0)
        live = self.scheduler.live_of(ProfileId(name))
        assert live is not None
        self.chronicle.began(live.id)

    def leave(self, ticket: int) -> None:
        self.scheduler.handle(Left(Ticket(ticket)), 0)

    async def answered(
        self, live: Instance, speed: float, tokens: int = LONG, prompt: int = 0, *, probe: bool = False
    ) -> None:  # fmt: skip
        """Its log has a request, of which the prompt was ten times as fast."""
        asked = Timing(1, "prompt", prompt / speed / 10, prompt) if prompt else None
        self.chronicle.timed(
            live, asked, Timing(1, "generation", tokens / speed, tokens), is_probe=probe
        )
        await self.chronicle.finish()

    async def load(self, name: str = "a") -> LoadEntry:
        """The newest."""
        return (await self.history.loads(name))[0]

    async def verdict(self) -> Verdict:
        found = (await self.load()).verdict
        assert found is not None
        return found
