"""An idle daemon makes each plan once, whatever its devices and however its engine sees them: all made up.

The engine prints the log of a fit that a test wrote for it, and notes each of its starts.
"""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from paddock.config.profile import Profile, Stable
from paddock.config.settings import Settings
from paddock.core.model import Demand, DeviceId, InstanceId
from paddock.daemon.faults import Faults
from paddock.daemon.instances.registry import Holding
from paddock.daemon.memory.ledger import Ledger
from paddock.daemon.memory.plans import ProfilePlans
from paddock.engine.engine import Engine
from paddock.host.gpus import Gpu, GpuProcess
from paddock.placement.replayable import obstacle
from tests.config.stables import FLAGS
from tests.daemon.ledgers import FIRST, MadeUpGpus, gpu
from tests.placement.ground import written

ROW = "common_memory_breakdown_print: |   - "
DONE = "common_fit_params: fitting params to free memory took 0.1 seconds"


def log(
    name: str, address: str, *, free: int, total: int, model: int = 4000, cut: bool = False
) -> str:
    """What an engine prints that fits a model of ten layers to one device; `cut`: not to all of it."""
    layers = 6 if cut else 10
    lines = [
        f"llama_prepare_model_devices: using device {name} (a card) ({address}) - {free} MiB free"
    ]
    lines += [
        f"load_tensors: layer {n:3} assigned to device {name if n < layers else 'CPU'}, is_swa = 0"
        for n in range(10)
    ]
    lines += [
        "llama_context: n_ctx                 = 4096",
        "sched_reserve: graph: nodes = 1001, splits = 3, input objects = 4, input tensors = 9",
        "common_memory_breakdown_print: | memory breakdown [MiB] | total    free     self   model   context   compute    unaccounted |",
        f"{ROW}{name} (a card) | {total} = {free} + ({model + 200} = {model} + 100 + 100) + 0 |",
        f"{ROW}Host | 600 = 500 + 0 + 100 |",
        DONE,
    ]
    return "".join(f"0.00.440.623 I {line}\n" for line in lines)


def own(total: int = 24_000, free: int = 20_000, **rest: Any) -> Gpu:
    return gpu(0, free, total=total, **rest)


@dataclass(frozen=True)
class Sort:
    """A sort of device: as its driver reads it, if one does, and as its engine sees it."""

    name: str
    said: str
    gpus: tuple[Gpu, ...] = ()


CARD = FIRST
SORTS = [
    Sort("read-by-its-driver", log("CUDA0", CARD, free=20_000, total=24_000), (own(),)),
    Sort("read-by-its-driver-and-full", log("CUDA0", CARD, free=20_000, total=24_000, model=18_500, cut=True), (own(),)),
    Sort("overhead-exceeds-what-the-engine-sees", log("CUDA0", CARD, free=20_000, total=24_000, model=18_700), (own(),)),
    Sort("its-driver-and-its-engine-differ", log("CUDA0", CARD, free=15_000, total=24_000, model=13_500, cut=True), (own(),)),
    Sort("address-and-no-driver", log("Vulkan0", CARD, free=15_000, total=16_000)),
    Sort("address-and-no-driver-and-full", log("Vulkan0", CARD, free=5_000, total=16_000, cut=True)),
    Sort("no-address", log("Vulkan0", "unknown id", free=15_000, total=16_000)),
    Sort("apu", log("Vulkan0", CARD, free=15_000, total=15_800), (own(512, 460, is_in_ram=True),)),
    Sort("apu-and-full", log("Vulkan0", CARD, free=5_000, total=15_800, cut=True), (own(512, 460, is_in_ram=True),)),
    Sort("apu-that-only-its-size-gives-away", log("Vulkan0", CARD, free=15_000, total=15_800), (own(512, 460),)),
    Sort("apu-that-is-full-and-only-its-size-gives-away", log("Vulkan0", CARD, free=5_000, total=15_800, cut=True), (own(512, 460),)),
    Sort("hides-what-is-free", log("CUDA0", CARD, free=20_000, total=24_000, model=19_900, cut=True), (gpu(0, None, total=None),)),
    Sort("other-cards-than-the-engine-sees", log("CUDA0", "0000:99:00.0", free=5_000, total=24_000, cut=True), (own(),)),
    Sort("rpc", log("RPC0", "unknown id", free=5_000, total=8_000, cut=True)),
    Sort("rpc-that-its-plan-fills", log("RPC0", "unknown id", free=5_000, total=8_000, model=4_700)),
    Sort("engine-that-ends", "0.1 E ggml_cuda_init: CUDA error: no kernel image is available\n"),
]  # fmt: skip


@dataclass
class Place:
    """Plans of one profile and of one engine, around which everything else is made up."""

    folder: Path
    engine_: Engine
    gpus: tuple[Gpu, ...]
    held: Demand = field(default_factory=dict)  # by an instance of ours
    changes: int = 0  # of plans, that others heard of

    def __post_init__(self) -> None:
        (self.folder / "m.gguf").write_bytes(b"GGUF")
        self.profile = written(model=self.folder / "m.gguf")
        self.stable = Stable(self.folder / "models.conf", self.folder, {"m": self.profile})
        self.driver, self.has_news, self.edition = MadeUpGpus(*self.gpus), asyncio.Event(), 1
        self.ledger = Ledger(Settings(), driver=self.driver)
        self.is_calm, self.away = True, None
        self.lenders: dict[str, str] = {}
        it: Any = self
        self.plans = ProfilePlans(it, self.ledger, it, it, it, it, it, Faults(), state_dir=self.folder, ahead=True)  # fmt: skip

    # roster and flaws
    def engine(self, _: Profile) -> Engine:
        return self.engine_

    def facts(self, _: Profile) -> None: ...
    def state(self, _: Profile) -> str:
        return ""

    def refusal(self, _: Profile) -> str:
        return ""

    def note(self, *_: object) -> None: ...
    def forget(self, _: str) -> None: ...
    def is_doubtful(self, _: Profile) -> bool:
        return False

    # registry, sampler and listener
    def booked(self) -> dict[InstanceId, Holding]:
        return {InstanceId("o.1"): Holding(2**22, self.held)} if self.held else {}

    def measure(self) -> None:
        self.ledger.read(self.booked())
        self.has_news.set()

    async def plans_changed(self) -> None:
        self.changes += 1
        self.measure()

    # what happens
    @property
    def starts(self) -> int:
        file = self.folder / "starts"
        return len(file.read_text()) if file.exists() else 0

    async def look(self) -> None:
        """The devices are read, and whatever follows from that is done."""
        self.measure()
        for _ in range(20):
            if not self.has_news.is_set():
                return
            self.has_news.clear()
            await self.plans._make_missing()
            await self.plans._note_outgrown()
        raise AssertionError("it goes on for ever")

    async def idle(self) -> None:
        """Ten minutes of readings that tell nothing new."""
        for _ in range(60):
            await self.look()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("paddock.daemon.memory.rehearsals._TAKEN_BACK", 0.0)

    def make(said: str, *gpus: Gpu) -> Place:
        program = tmp_path / "engine"
        (tmp_path / "said").write_text(said)
        program.write_text(
            f"#!/bin/sh\nprintf x >> {tmp_path}/starts\ncat {tmp_path}/said >&2\nexit 1\n"
        )
        program.chmod(0o700)
        engine = Engine("made up", "native", (str(program),), "1", 1, FLAGS, "1")
        return Place(tmp_path, engine, gpus)

    return make


@pytest.mark.parametrize("sort", SORTS, ids=lambda sort: sort.name)
async def test_an_idle_daemon_starts_an_engine_for_a_plan_and_then_no_more(place: Any, sort: Sort):
    here: Place = place(sort.said, *sort.gpus)
    await here.look()
    assert here.starts == 1
    await here.idle()
    assert here.starts == 1
    assert here.changes <= 1


async def test_a_made_up_card_whose_driver_hides_its_memory_is_the_same_one_once_its_engine_has_said_it(
    place: Any,
):
    """Else the first plan would not be replayed: its GPUs would be others than those that there are."""
    here: Place = place(log("CUDA0", CARD, free=20_000, total=24_000), gpu(0, None, total=None))
    await here.look()
    plan = here.plans.of(here.profile)
    plan.replay = ["--fit", "off"]
    assert here.ledger.readings[DeviceId(CARD)].is_reported
    assert obstacle(plan, here.ledger.readings, {}) == ""


async def test_a_plan_is_made_anew_when_made_up_memory_is_given_back(place: Any):
    here: Place = place(log("CUDA0", CARD, free=5_000, total=24_000, cut=True), own(free=5_000))
    await here.look()
    first = here.starts
    here.driver.gpus = (own(free=20_000),)
    (here.folder / "said").write_text(log("CUDA0", CARD, free=20_000, total=24_000, model=8_000))
    await here.look()
    assert here.starts > first
    assert here.plans.of(here.profile).devices[0].model == 8_000


@pytest.mark.parametrize(("name", "address"), [("Vulkan0", CARD), ("Vulkan0", "unknown id")])
async def test_a_plan_cut_to_a_made_up_card_that_only_engines_read_is_made_anew_once_after_a_load_saw_more(
    place: Any, name: str, address: str
):
    here: Place = place(log(name, address, free=5_000, total=16_000, cut=True))
    await here.look()
    first = here.starts
    id_ = DeviceId(address if address == CARD else name)
    here.ledger.saw({name: 5_000}, {name: id_}, {})
    await here.idle()
    assert here.starts == first, "that is nothing new"
    here.ledger.saw({name: 15_000}, {name: id_}, {})
    await here.idle()  # and its engine says what it said: another engine's load saw more
    assert first < here.starts <= 2 * first
    assert here.plans.current(here.profile.fingerprint) is not None
    (here.folder / "said").write_text(log(name, address, free=15_000, total=16_000))
    here.ledger.saw({name: 15_000}, {name: id_}, {})
    await here.idle()
    assert here.plans.of(here.profile).layers_on_devices == 10


async def test_where_it_cannot_be_made_anew_what_was_cut_counts_no_more(place: Any):
    """Nothing is rehearsed beside what fills the GPU: until it leaves, the estimate stands in."""
    here: Place = place(log("CUDA0", CARD, free=5_000, total=24_000, cut=True), own(free=5_000))
    await here.look()
    first, was = here.starts, here.plans.current(here.profile.fingerprint)
    assert was is not None
    here.held = {FIRST: 19_500}
    here.driver.gpus = (gpu(0, 500, GpuProcess(2**22, 19_500)),)
    await here.idle()
    assert here.starts == first
    assert here.plans.current(here.profile.fingerprint) is None
    assert here.plans.of(here.profile).source == "estimate"
    assert here.plans.engine_plan(here.profile.fingerprint) is was, "a load is still judged by it"
    assert here.changes == 2, "once for each"


async def test_memory_that_a_rehearsal_still_held_is_no_news(
    place: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("paddock.daemon.memory.rehearsals._TAKEN_BACK", 0.3)
    here: Place = place(
        log("CUDA0", CARD, free=20_000, total=24_000, model=18_700, cut=True), own()
    )
    here.driver.gpus = (own(),)
    await here.look()
    first = here.starts
    here.driver.gpus = (own(free=19_470),)
    asyncio.get_running_loop().call_later(0.1, lambda: setattr(here.driver, "gpus", (own(),)))
    await here.look()
    assert here.starts == first


ROOMY, FULL = (log("Vulkan0", CARD, free=mib, total=16_000, model=9_000) for mib in (15_000, 5_000))


def refused(place: Any) -> Place:
    """A profile that takes all or fails, on a made-up card that only its engine reads and that was full."""
    here: Place = place(FULL)
    here.profile = written("--fit off", model=here.folder / "m.gguf")
    here.stable = Stable(here.folder / "models.conf", here.folder, {"m": here.profile})
    return here


async def test_who_asks_for_the_plan_of_one_that_is_refused_on_a_made_up_card_has_its_engine_look_anew(
    place: Any, monkeypatch: pytest.MonkeyPatch
):
    here = refused(place)
    await here.look()
    await here.idle()
    assert (here.starts, here.plans.of(here.profile).fits) == (1, False)
    for _ in range(3):
        assert not (await here.plans.look_anew(here.profile)).fits
    assert here.starts == 2, "not each time that it is asked for"
    monkeypatch.setattr("paddock.daemon.memory.plans._LOOKS_EVERY", 0.0)
    (here.folder / "said").write_text(ROOMY)
    for _ in range(3):
        assert (await here.plans.look_anew(here.profile)).fits
    await here.idle()
    assert (here.starts, here.plans.of(here.profile).fits) == (3, True)


async def test_who_is_refused_beside_another_on_a_made_up_card_is_planned_anew_once_when_that_has_ended(
    place: Any,
):
    here = refused(place)
    await here.look()
    here.held = {DeviceId(CARD): 3_000}
    here.plans.drop(here.profile, here.engine_)
    await here.look()
    await here.idle()
    assert (here.starts, here.plans.of(here.profile).fits) == (2, False)
    (here.folder / "said").write_text(ROOMY)
    here.held = {}
    await here.idle()
    assert (here.starts, here.plans.of(here.profile).fits) == (3, True)
