"""What is written of loads and speeds, and what is thought of them.

Most of it with instances that are made up but for their records and logs: a GPU cannot be had here,
nor a speed that a test may rely on. The books, the history and the scheduler are real.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paddock.api.placement import DevicePlan, LoadEntry, Plan, Verdict
from paddock.config.profile import Flag, Origin, Profile, Stable
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
from paddock.core.model import HOST, Cause, DeviceId, InstanceId, ProfileId, Room, Spec, Ticket
from paddock.core.scheduler import Scheduler
from paddock.daemon import ledger as ledger_module
from paddock.daemon.chronicle import Chronicle
from paddock.daemon.clock import Clock
from paddock.daemon.faults import Faults
from paddock.daemon.history import History, NullHistory
from paddock.daemon.instance import Instance
from paddock.daemon.ledger import Ledger
from paddock.daemon.records import Record, Records
from paddock.daemon.roster import Roster
from paddock.host.gpus import Gpu, GpuProcess, Telemetry
from paddock.host.memory import Memory
from paddock.llama.output import TaskLine, Timing
from tests.clock import SetClock
from tests.yard import places, yard

GPU = DeviceId("0000:00:06.0")
CARD = Gpu(0, "NVIDIA H100", 81079, 8348, None, (GpuProcess(99, 72000, "hog"),), GPU, driver="580")
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
    """Profiles `a` and `b`, both on one GPU, a clock that a test moves, and what was told."""

    folder: Path
    history: History
    gpus: MadeUpGpus = field(default_factory=MadeUpGpus)
    plans: dict[str, Plan] = field(default_factory=dict)  # by fingerprint
    profiles: dict[str, Profile] = field(default_factory=dict)
    told: list[Verdict] = field(default_factory=list)
    now: float = 0.0

    def __post_init__(self) -> None:
        self.records = Records(self.folder / "state", self.folder / "run", kept=5)
        self.ledger = Ledger(Settings(), driver=self.gpus)
        self.profiles = {name: Profile(name, 1, None, ()) for name in "ab"}
        paths = places(self.folder / "yard", "")
        self.roster = Roster(paths, Settings(), Faults())
        self.roster.stable = Stable(paths.config, paths.models_dir, self.profiles)
        self.plans = {self.profiles["a"].fingerprint: PLAN}
        self.begin()

    def begin(self) -> None:
        """A daemon starts."""
        self.scheduler = Scheduler()
        specs = tuple(Spec(ProfileId(name), {GPU: 5000, HOST: 300}) for name in "ab")
        self.scheduler.handle(Configured(specs), 0)
        self.scheduler.handle(Measured(Room()), 0)
        self.ledger.read({})
        self.chronicle = Chronicle(
            self.history,
            self.ledger,
            self.scheduler,
            self.records,
            self.roster,
            KnownPlans(self.plans),  # type: ignore[arg-type]
            self,
            SetClock(lambda: self.now),
            Faults(),
        )

    def verdict_reached(self, _: Instance, verdict: Verdict) -> None:
        self.told.append(verdict)

    def instance(self, name: str = "a", log: str = LOG, **known: Any) -> Instance:
        """It is live, ready, and has told where it lies."""
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
            stall_timeout=1.0,
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
        """Its log told of a request, of which the prompt was ten times as fast."""
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


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    history = await History.open(tmp_path / "history.sqlite")
    here = World(tmp_path, history)
    writer = asyncio.create_task(here.chronicle.run())
    yield here
    writer.cancel()
    await history.close()


# ---- loads ----


async def test_a_load_is_written_with_where_it_lies_and_what_is_thought_of_it(world: World):
    live = await world.loaded()
    entry = await world.load()
    assert (entry.instance, entry.outcome, entry.seconds) == (live.id, "ready", 2.5)
    assert (entry.engine, entry.engine_version) == ("native", "b11434")
    assert entry.devices == f"nvidia 580: NVIDIA H100 ({GPU})"
    assert entry.placement is not None
    assert (entry.placement.layers_offloaded, entry.placement.free) == (33, {"CUDA0": 8348})
    assert entry.verdict == Verdict(state="verified", placement="verified")
    assert world.told == [entry.verdict]
    assert world.chronicle.verdict_of(live.id) == world.chronicle.verdicts[ProfileId("a")] == entry.verdict  # fmt: skip
    assert live.record.load_id == entry.id
    assert [record.load_id for record in world.records] == [entry.id]


@pytest.mark.parametrize("outcome", ["failed", "cancelled"])
async def test_a_load_that_came_to_nothing_is_written_with_its_cause(world: World, outcome: str):
    live = world.instance()
    world.chronicle.load_ended(live, outcome, 0.5, Cause("load_failed", "out of memory"))
    await world.chronicle.finish()
    entry = await world.load()
    assert (entry.outcome, entry.cause, entry.verdict) == (outcome, "out of memory", None)
    assert (world.told, world.chronicle.verdict_of(live.id)) == ([], None)


async def test_what_lies_worse_than_before_is_told_with_who_took_the_memory(world: World):
    del world.plans[world.profiles["a"].fingerprint]
    first = LOG.replace("8348", "80000")
    live = await world.loaded(log=first)
    world.end(live)
    await world.loaded(log=LOG.replace("33/33", "20/33"))
    assert [verdict.state for verdict in world.told] == ["unknown", "degraded"]
    assert [reason.message for reason in (await world.verdict()).reasons] == [
        "20 layers on devices, of 33 that should be",
        "CUDA0 had 70.0 GiB less free; other programs hold 71.0 GiB (hog)",
    ]


async def test_of_ours_the_one_beside_is_named(world: World):
    world.instance("b")
    await world.loaded(log=LOG.replace("33/33", "20/33").replace("8348", "3000"))
    assert [reason.code for reason in world.told[0].reasons] == ["more-in-ram", "shared-memory"]
    assert "b lies there too" in world.told[0].reasons[1].message


async def test_slots_with_their_own_caches_are_not_taken_for_a_cut_context(world: World):
    four = Flag("--parallel", ("4",), Origin("a", "parallel"))
    world.profiles["a"] = own = Profile("a", 1, None, (four,))
    world.plans.clear()
    world.plans[own.fingerprint] = msgspec.structs.replace(PLAN, n_ctx=32768)
    live = world.instance()
    live.n_ctx = 8192  # as the server says of a slot
    world.chronicle.load_ended(live, "ready", 1.0, None)
    await world.chronicle.finish()
    assert (await world.verdict()).state == "verified"


async def test_one_that_has_ended_is_judged_no_more(world: World):
    live = world.instance()
    world.chronicle.load_ended(live, "ready", 1.0, None)
    world.chronicle.ended(live.id)
    await world.chronicle.finish()
    await world.answered(live, 40.0)
    assert (await world.load()).samples == 0
    assert (world.told, world.chronicle.verdict_of(live.id)) == ([], None)


# ---- speeds ----


async def test_an_answer_of_a_few_tokens_tells_no_speed(world: World):
    live = await world.loaded()
    await world.answered(live, 40.0, tokens=SHORT)
    assert (await world.load()).samples == 0
    await world.answered(live, 40.0, tokens=LONG)
    entry = await world.load()
    assert (entry.samples, entry.generation, entry.prompt) == (1, 40.0, None)


async def test_a_long_prompt_tells_its_own_speed(world: World):
    live = await world.loaded()
    await world.answered(live, 40.0, tokens=SHORT, prompt=128)
    entry = await world.load()
    assert (entry.samples, entry.generation, entry.prompt) == (1, None, 400.0)
    world.now = 1.0
    await world.answered(live, 40.0, tokens=LONG, prompt=127)
    assert (await world.load()).prompt == 400.0


async def test_of_many_requests_one_a_second_is_written_and_all_are_weighed(world: World):
    live = await world.loaded()
    for _ in range(5):
        await world.answered(live, 40.0)
    world.now = 0.9
    await world.answered(live, 40.0)
    assert (await world.load()).samples == 1
    world.now = 10.0
    await world.answered(live, 50.0)
    assert (await world.load()).samples == 2
    assert world.told[-1].samples == 7
    assert world.told[-1].generation == 40.0


async def test_it_is_judged_anew_every_ten_seconds_and_told_when_that_changes_anything(
    world: World,
):
    live = await world.loaded()
    await world.answered(live, 40.0)
    assert [verdict.samples for verdict in world.told] == [0, 1]
    world.now = 9.9
    await world.answered(live, 40.0)
    assert len(world.told) == 2
    world.now = 10.0
    await world.answered(live, 40.0)
    assert [verdict.samples for verdict in world.told] == [0, 1, 3]


async def test_the_same_verdict_is_told_once(world: World):
    live = await world.loaded()
    world.chronicle.adopted(live)
    await world.chronicle.finish()
    assert len(world.told) == 1


async def test_slower_than_its_owner_said_is_degraded_and_says_what_holds_it_down(world: World):
    world.profiles["a"] = Profile("a", 1, None, (), expected_speed=40.0)
    world.gpus.throttled = ("thermal", "power")
    live = await world.loaded()
    assert world.told[-1].state == "verified"
    await world.answered(live, 20.0)
    found = await world.verdict()
    assert (found.state, found.speed, found.expected_generation) == ("degraded", "degraded", 40.0)
    assert [reason.code for reason in found.reasons] == [
        "slower-than-expected",
        "thermal-limit",
        "power-limit",
    ]


async def test_slower_than_the_best_of_the_same_kind_is_degraded(world: World):
    for speed in (40.0, 50.0, 20.0):
        live = await world.loaded()
        await world.answered(live, speed)
        world.end(live)
        world.now += 20
    found = await world.verdict()
    assert [reason.code for reason in found.reasons] == ["slower-than-best"]
    assert (found.generation, found.expected_generation) == (20.0, 50.0)


async def test_while_the_machine_swaps_that_is_why(world: World, monkeypatch: pytest.MonkeyPatch):
    def swapped(pages: int) -> None:
        monkeypatch.setattr(ledger_module, "read_memory", lambda: Memory(pages_swapped_in=pages))
        world.ledger.read({})

    world.profiles["a"] = Profile("a", 1, None, (), expected_speed=40.0)
    swapped(1000)
    live = await world.loaded()
    swapped(1001)
    await world.answered(live, 20.0)
    codes = [reason.code for reason in (await world.verdict()).reasons]
    assert codes == ["slower-than-expected", "swapping"]


# ---- whose speed it is ----


async def test_a_request_alone_is_measured(world: World):
    live = await world.loaded()
    world.ask("a", 1)
    await world.answered(live, 40.0)
    world.leave(1)
    world.ask("a", 2)
    world.leave(2)
    world.now = 1.0
    await world.answered(live, 40.0)  # its line came later
    assert (await world.load()).samples == 2


async def test_requests_at_once_are_left_out(world: World):
    live = await world.loaded()
    world.ask("a", 1)
    world.ask("a", 2)
    await world.answered(live, 20.0)
    assert (await world.load()).samples == 0


async def test_so_is_the_one_that_ends_last_and_the_first_whose_line_comes_late(world: World):
    live = await world.loaded()
    world.ask("a", 1)
    world.ask("a", 2)
    world.leave(1)
    await world.answered(live, 20.0)
    world.leave(2)
    await world.answered(live, 20.0)
    assert (await world.load()).samples == 0
    world.ask("a", 3)
    await world.answered(live, 40.0)
    assert (await world.load()).samples == 1


async def test_others_at_work_on_its_device_are_a_reason(world: World):
    world.profiles["a"] = Profile("a", 1, None, (), expected_speed=40.0)
    live, other = await world.loaded(), await world.loaded("b")
    world.ask("a", 1)
    world.ask("b", 2)
    world.leave(2)
    await world.answered(live, 20.0)  # the other is gone by now
    assert (await world.load()).samples == 0
    world.leave(1)
    world.ask("a", 3)
    await world.answered(live, 20.0)
    found = await world.verdict()
    assert [reason.code for reason in found.reasons] == ["slower-than-expected", "device-shared"]
    await world.answered(other, 40.0)
    assert (await world.load("b")).samples == 0  # `a` works there now


async def test_an_idle_neighbour_does_not_matter_and_one_that_loads_does(world: World):
    live = await world.loaded()
    await world.loaded("b")
    await world.answered(live, 40.0)
    assert (await world.load()).samples == 1
    loading = InstanceId("b.9")
    world.scheduler.handle(Adopted(loading, ProfileId("b"), "f", ready=False), 0)
    world.now = 1.0
    await world.answered(live, 20.0)
    assert (await world.load()).samples == 1


# ---- over the lives of daemons ----


async def restarted(world: World, then: Callable[[World], Awaitable[None]]) -> None:
    """Another daemon on the same files, at which something happens."""
    world.begin()
    writer = asyncio.create_task(world.chronicle.run())
    await then(world)
    writer.cancel()


async def test_an_adopted_instance_goes_on_in_its_old_row(world: World):
    live = await world.loaded()
    number = (await world.load()).id

    async def adopt(after: World) -> None:
        after.adopt(live)
        after.chronicle.adopted(live)
        await after.answered(live, 40.0)

    await restarted(world, adopt)
    (entry,) = await world.history.loads("a")
    assert (entry.id, entry.samples, entry.generation) == (number, 1, 40.0)
    assert entry.verdict is not None
    assert (entry.verdict.placement, entry.verdict.samples) == ("verified", 1)


async def test_one_adopted_while_it_loaded_has_one_row(world: World):
    """Its load ends under the new daemon, which then says that it was adopted, too."""
    live = world.instance()
    world.chronicle.load_ended(live, "ready", 1.0, None)
    world.chronicle.adopted(live)
    await world.answered(live, 40.0)
    (entry,) = await world.history.loads("a")
    assert (entry.samples, live.record.load_id) == (1, entry.id)
    assert entry.verdict is not None
    assert entry.verdict.samples == 1


async def test_what_is_known_of_profiles_is_recalled(world: World):
    live = await world.loaded()
    await world.answered(live, 40.0, prompt=200)

    async def recall(after: World) -> None:
        await after.chronicle.recall([ProfileId("a"), ProfileId("b")])

    await restarted(world, recall)
    assert world.chronicle.verdicts == {"a": await world.verdict()}
    speed = world.chronicle.speeds[ProfileId("a")]
    assert (speed.generation, speed.prompt) == (40.0, 400.0)


async def test_without_a_history_there_are_verdicts_all_the_same(world: World):
    world.chronicle.history = NullHistory()
    await world.chronicle.recall([ProfileId("a")])
    live = await world.loaded()
    await world.answered(live, 40.0)
    assert [verdict.state for verdict in world.told] == ["verified", "verified"]
    assert await world.history.loads("a") == []


class FullDisk(History):
    """Reads well, and writes nothing."""

    def __init__(self, other: History) -> None:
        self._other = other

    async def add_load(self, entry: LoadEntry) -> int:
        raise sqlite3.OperationalError("database or disk is full")

    async def last_ready(self, profile: str, *, before: int | None = None) -> LoadEntry | None:
        return await self._other.last_ready(profile, before=before)

    async def comparable(self, *key: str, **rest: int | None) -> list[LoadEntry]:  # type: ignore[override]
        return await self._other.comparable(*key, **rest)  # type: ignore[arg-type]


async def test_a_full_disk_ends_neither_the_chronicle_nor_its_verdicts(
    world: World, caplog: pytest.LogCaptureFixture
):
    world.chronicle.history = FullDisk(world.history)
    live = await world.loaded()
    assert world.told[0].state == "verified"
    assert "unexpected error in history" in caplog.text
    world.end(live)
    world.chronicle.history = world.history
    await world.loaded()
    assert len(await world.history.loads("a")) == 1


# ---- with a real daemon and a real model ----


async def test_a_real_load_is_verified_against_its_plan_and_measured_by_a_probe(
    tmp_path: Path, models: Path
):
    paths = places(tmp_path / "yard", "[endless]\nmodel = endless.gguf\n")
    paths = msgspec.structs.replace(paths, models_dir=models)
    async with yard(paths, plan_ahead=True, probe_after=0.2) as home:
        (own,) = home.daemon.roster.stable.profiles.values()
        await home.until(lambda _: home.daemon.plans.engine_plan(own.fingerprint))
        await home.post("/switch", {"model": "endless", "wait": True})
        status = await home.until(
            lambda s: any(i.verdict and i.verdict.samples for i in s.instances)
        )
        (instance,) = status.instances
        assert instance.verdict is not None
        assert (instance.verdict.placement, instance.verdict.reasons) == ("verified", [])
        history = home.daemon.chronicle.history
        (entry,) = await history.loads("endless")
        assert (entry.outcome, entry.samples, entry.verdict) == ("ready", 1, instance.verdict)
        assert entry.devices == home.daemon.parts.ledger.device_set
