"""What is planned is what a real load then gets: both by the real llama-server, on a rig's devices."""

import os
import re
import select
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from paddock.api.placement import Plan
from paddock.config.profile import Profile
from paddock.core.model import HOST, DeviceId
from paddock.engine.engine import Engine
from paddock.engine.locate import find_engine
from paddock.errors import EngineError
from paddock.host.processes import pids, session_of
from paddock.llama.flags import FlagSet
from paddock.llama.scripted import ScriptedModel, write
from paddock.placement import rehearsal
from paddock.placement.plan_cache import PlanCache
from paddock.placement.planner import Planner
from paddock.placement.planning import Circumstances
from tests.broken import BREAKERS, Breaker, absent, context_as_float, without_tokenizer
from tests.placement.ground import ALONE, Loaded, around, beside, profile, really, written
from tests.rig import Rig, needs_rig, rig
from tests.yard import wrapper

CTX = "ctx-size = 8192\n"


@dataclass
class Ground:
    """Devices, models, an engine, and a folder for everything else."""

    rig: Rig
    mib: tuple[int, ...]
    shapes: Path
    engine: Engine
    folder: Path

    def profile(self, model: str, flags: str = "") -> Profile:
        alone = "".join(f"{k} = {v}\n" for k, v in ALONE.items() if k not in flags)
        conf = f"model = {self.shapes}/{model}.gguf\n{self.rig.flag}{alone}{flags}"
        return profile(conf, self.folder, self.engine)

    def plan(self, model: str, flags: str = "", here: Circumstances | None = None) -> Plan:
        here = here or beside(self.rig, *self.mib)
        return Planner().plan(self.profile(model, flags), self.engine, None, here)

    def planned_and_loaded(self, model: str, flags: str = "") -> Plan:
        """The plan, which a real load is found to keep to."""
        found = self.plan(model, flags)
        assert found.source == "engine", found.notes
        loaded = really(self.profile(model, flags), self.engine, self.folder)
        assert differences(found, loaded) == [], (found, loaded)
        return found


def differences(plan: Plan, loaded: Loaded) -> list[str]:
    """Where the load is not as it was planned."""
    placement = loaded.reader.placement
    held = {d.device: d.model + d.context + d.compute for d in plan.devices}
    found = [
        f"{device}: {loaded.mib(device):.0f} MiB there, planned were {mib}"
        for device, mib in held.items()
        if abs(loaded.mib(device) - mib) > max(0.05 * mib, 16)
    ]
    told: dict[str, tuple[object, object]] = {
        "layers": ({d.device: d.layers for d in plan.devices if d.layers}, loaded.layers),
        "context": (plan.n_ctx, placement.n_ctx),
        "splits": (plan.graph_splits, placement.graph_splits),
    }
    return found + [f"{what}: {a} planned, {b} there" for what, (a, b) in told.items() if a != b]


@pytest.fixture
def ground(
    request: pytest.FixtureRequest, tmp_path: Path, shapes: Path, engine: Engine
) -> Iterator[Ground]:
    mib: tuple[int, ...] = request.param
    with rig(tmp_path, *mib) as devices:
        yield Ground(devices, mib, shapes, engine, tmp_path)


def on(*mib: int) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("ground", [mib], indirect=True, ids=str)


# ---- what is planned is what is loaded ----


@needs_rig
@on(600, 500)
@pytest.mark.parametrize("model", ["dense", "moe", "jamba", "mamba", "gemma3"])
def test_a_model_that_fits_lies_as_planned(ground: Ground, model: str):
    plan = ground.planned_and_loaded(model, CTX)
    assert (plan.fits, plan.steps, plan.notes, plan.warnings) == (True, [], [], [])
    assert plan.layers == plan.layers_on_devices
    assert plan.engine_version == ground.engine.version


@needs_rig
@on(220, 180)
def test_layers_that_spill_are_those_that_were_planned_to(ground: Ground):
    plan = ground.planned_and_loaded("dense", CTX)
    assert plan.fits
    assert plan.layers_on_devices is not None
    in_ram = 13 - plan.layers_on_devices
    assert in_ram > 0
    assert plan.steps == [f"{in_ram} of 13 layers to RAM"]


@needs_rig
@on(210)
def test_experts_overflow_as_planned(ground: Ground):
    plan = ground.planned_and_loaded("moe", CTX)
    assert (plan.fits, plan.layers_on_devices) == (True, 13)
    assert plan.experts_in_ram > 2
    assert plan.notes == [f"{plan.experts_in_ram} expert layers go to RAM"]
    overflowing = sum(device.overflowing for device in plan.devices)
    assert plan.experts_in_ram <= overflowing <= plan.experts_in_ram + 1  # parts of one more


@needs_rig
@on(230, 230)
def test_margins_by_device_give_other_plans(ground: Ground):
    plans = [ground.planned_and_loaded("dense", f"{CTX}fit-target = {m}\n") for m in ("60,30", "30,60", "45")]  # fmt: skip
    assert [[d.margin for d in plan.devices] for plan in plans] == [
        [60, 30, 0],
        [30, 60, 0],
        [45, 45, 0],
    ]
    layers = [[d.layers for d in plan.devices] for plan in plans]
    assert layers[0] != layers[1]
    for plan in plans:
        assert all(d.left is not None and d.left >= d.margin for d in plan.devices if d.layers and d.id != HOST)  # fmt: skip


@needs_rig
@on(400)
def test_a_context_cut_for_one_device_is_measured_in_a_second_step(ground: Ground):
    """Fit only reckons it there; see `Fit.is_exact`."""
    plan = ground.planned_and_loaded("dense")
    assert plan.n_ctx_wanted == 16384
    assert plan.n_ctx is not None
    assert 4096 < plan.n_ctx < 16384
    assert plan.steps == [f"context cut from 16384 to {plan.n_ctx} tokens"]


@needs_rig
@on(260, 230)
def test_a_context_cut_for_two_devices(ground: Ground):
    plan = ground.planned_and_loaded("gemma3")
    assert plan.n_ctx_wanted == 16384
    assert plan.n_ctx is not None
    assert 4096 <= plan.n_ctx < 16384


@needs_rig
@on(600, 500)
def test_without_fit_what_is_asked_for_is_planned(ground: Ground):
    plan = ground.planned_and_loaded("dense", "fit = off\n")
    assert (plan.n_ctx, plan.fits) == (16384, True)
    assert [d.margin for d in plan.devices] == [0, 0, 0]


@needs_rig
@on(220, 180)
def test_without_fit_what_is_too_large_is_said_to_be(ground: Ground):
    plan = ground.planned_and_loaded(
        "dense", f"{CTX}fit = off\n"
    )  # here it loads: the memory is made up
    assert not plan.fits
    assert [w.partition(":")[0] for w in plan.warnings] == ["RPC0", "RPC1"]


@needs_rig
@on(220, 180)
def test_layers_set_by_hand_that_do_not_fit_are_told(ground: Ground):
    plan = ground.planned_and_loaded("dense", f"{CTX}n-gpu-layers = 12\n")
    assert (plan.fits, plan.layers_on_devices) == (False, 12)
    assert plan.warnings[0] == (
        "llama.cpp gives up fitting it: n_gpu_layers already set by user to 12, abort"
    )


@needs_rig
@pytest.mark.parametrize("ground", [(600, 500), (280,)], indirect=True, ids=str)
def test_a_draft_model_is_planned_with_it(ground: Ground):
    bare = ground.plan("dense", CTX)
    plan = ground.planned_and_loaded("dense", f"{CTX}model-draft = {ground.shapes}/draft.gguf\n")
    assert sum(d.context for d in plan.devices) == sum(d.context for d in bare.devices) + 16
    assert plan.layers == 13


@needs_rig
@on(600, 500)
def test_shards_are_planned_as_the_whole_model(ground: Ground):
    plan = ground.planned_and_loaded("split-00001-of-00003", CTX)
    assert plan.devices == ground.plan("dense", CTX).devices


@needs_rig
@on(2000)
def test_slots_with_caches_of_their_own_are_planned_with_all_of_them(ground: Ground):
    found = ground.plan("dense", "parallel = 2\n")
    loaded = really(ground.profile("dense", "parallel = 2\n"), ground.engine, ground.folder)
    assert loaded.reader.placement.n_ctx == 16384  # of each slot
    assert found.n_ctx == 32768


# ---- as if ours had left ----


TWO_H100 = Path(__file__).parents[1] / "llama" / "fit-11434-h100-dense.txt"


def test_on_two_h100_fits_targets_are_lowered_by_what_is_ours(tmp_path: Path, shapes: Path):
    """An engine that says again what the real one said there, where others held all but 12 GiB."""
    engine = own_engine(tmp_path, f'echo "$*" >> {tmp_path}/asked; cat {TWO_H100} >&2; exit')
    first, second = DeviceId("0000:00:06.0"), DeviceId("0000:00:07.0")
    here = Circumstances({}, {}, {first: 72000, second: 78000})
    own = profile(f"model = {shapes}/dense.gguf\nfit-target = 1024,512\n", tmp_path, engine)
    plan = Planner().plan(own, engine, None, here)
    asked = (tmp_path / "asked").read_text().splitlines()
    assert "--tensor-split" not in asked[0]
    free = 8348 + 72000, 81079  # no more than there is in all
    targets = f"--fit-target {1024 - 72000},{512 - (free[1] - 4252)}"
    assert asked[1].endswith(f"--fit on {targets} --tensor-split {free[0]},{free[1]}")
    assert [d.available for d in plan.devices] == [*free, None]
    assert [d.margin for d in plan.devices] == [1024, 512, 0]


@needs_rig
@on(220, 180)
def test_it_is_planned_as_if_ours_had_left(ground: Ground):
    """llama.cpp is told of 520 MiB on a device that has 220 free: what ours hold comes on top."""
    body = "real \"$@\" 2>&1 >/dev/null | sed -u 's/220 = *220 +/520 = 220 +/' >&2; exit"
    ground.engine = own_engine(ground.folder, body)
    readings = beside(ground.rig, 520, 180).readings
    ours = {DeviceId(f"RPC0[{ground.rig.endpoints[0]}]"): 300}
    crowded = ground.plan("dense", CTX)
    alone = ground.plan("dense", CTX, Circumstances(readings, {}, ours))
    assert [d.available for d in alone.devices[:2]] == [520, 180]
    assert (crowded.layers_on_devices, alone.layers_on_devices) == (10, 13)
    ground.rig.resize(0, 520)
    assert alone.devices == ground.plan("dense", CTX, Circumstances(readings, {}, {})).devices


# ---- what is around it ----


@needs_rig
def test_rpc_servers_outlive_planning(shapes: Path, engine: Engine, tmp_path: Path):
    """With the signals as they are by default, where a client's end while it is answered is fatal."""
    with rig(tmp_path, 220, 180, fragile=True) as devices:
        ground = Ground(devices, (220, 180), shapes, engine, tmp_path)
        for model in ("dense", "moe", "gemma3", "dense"):
            assert ground.plan(model, CTX).source == "engine"
        assert [process.poll() for process in devices.processes] == [None, None]


@needs_rig
def test_rpc_servers_outlive_a_plan_that_is_cancelled(shapes: Path, engine: Engine, tmp_path: Path):
    """A planner that kills its engine at once ends them in one of a hundred cases."""
    with rig(tmp_path, 220, 180, fragile=True) as devices:
        ground = Ground(devices, (220, 180), shapes, engine, tmp_path)
        own, here = ground.profile("moe", CTX), beside(devices, 220, 180)
        for moment in range(6):
            planner = Planner()
            timer = threading.Timer(0.04 * moment, planner.cancel)
            timer.start()
            planner.plan(own, engine, None, here)
            timer.join()
        assert [process.poll() for process in devices.processes] == [None, None]


def test_one_that_is_cancelled_ends_at_once_and_leaves_nobody_behind(tmp_path: Path, shapes: Path):
    os.mkfifo(tmp_path / "pid")
    engine = own_engine(tmp_path, f"echo $$ > {tmp_path}/pid; sleep 600")
    own = profile(f"model = {shapes}/dense.gguf\n", tmp_path, engine)
    planner, plans = Planner(PlanCache(tmp_path / "plans")), list[Plan]()
    thread = threading.Thread(
        target=lambda: plans.append(planner.plan(own, engine, None, around()))
    )
    thread.start()
    pid = int((tmp_path / "pid").read_text())
    planner.cancel()
    thread.join(30)
    assert (plans[0].source, plans[0].notes) == ("estimate", ["an estimate: cancelled"])
    assert all(has_ended(member) for member in pids() if session_of(member) == pid)
    assert not (tmp_path / "plans").exists()


def has_ended(pid: int) -> bool:
    """Whether it ends within seconds; whoever adopted it may not have waited for it yet."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 10)[0])
    finally:
        os.close(descriptor)


def test_what_is_planned_after_a_cancellation_is_planned(
    tmp_path: Path, shapes: Path, engine: Engine
):
    planner = Planner()
    planner.cancel()
    own = profile(f"model = {shapes}/draft.gguf\n{CTX}", tmp_path, engine)
    assert planner.plan(own, engine, None, around()).source == "engine"


def test_it_plans_for_a_machine_without_a_gpu(tmp_path: Path, shapes: Path, engine: Engine):
    found = Planner().plan(
        profile(f"model = {shapes}/draft.gguf\n{CTX}", tmp_path, engine), engine, None, around()
    )
    (host,) = found.devices
    assert (found.source, found.fits, found.n_ctx) == ("engine", True, 8192)
    assert (host.id, host.available, host.margin) == (HOST, 64_000, 0)
    assert host.context == 16  # two layers of 1 KiB a token
    assert (found.notes, found.steps, found.warnings) == ([], [], [])


def test_the_embedded_engine_plans_too(tmp_path: Path, shapes: Path, engine: Engine):
    try:
        embedded = find_engine("embedded", cache_dir=tmp_path)
    except EngineError:
        pytest.skip("needs the package xllamacpp")
    own = profile(f"model = {shapes}/draft.gguf\n{CTX}parallel = 1\n", tmp_path, embedded)
    found = Planner().plan(own, embedded, None, around())
    assert (found.source, found.n_ctx, found.engine) == ("engine", 8192, "embedded")
    assert [(d.device, d.context) for d in found.devices] == [("Host", 16)]


# ---- engines that tell nothing ----


def own_engine(folder: Path, body: str) -> Engine:
    """One that does this before it becomes the real one, if it ever does."""
    return find_engine(str(wrapper(folder / "engine", body)), cache_dir=folder / "cache")


def why(own: Profile, engine: Engine) -> str:
    """What is said where there is no plan of the engine's."""
    found = Planner().plan(own, engine, None, around())
    assert (found.source, found.fits, found.refusal) == ("estimate", True, "")
    assert (found.engine, found.engine_version) == (engine.name, engine.version)
    return found.notes[0].removeprefix("an estimate: ")


def asked(own: Profile, engine: Engine) -> str:
    """The same, where an engine was asked: it is named."""
    found, named = why(own, engine), f"{engine.name} {engine.version}: "
    assert found.startswith(named)
    return found.removeprefix(named)


def test_an_engine_that_ends_without_a_word_gives_an_estimate(tmp_path: Path, shapes: Path):
    engine = own_engine(tmp_path, "exit 3")
    own = profile(f"model = {shapes}/dense.gguf\n", tmp_path, engine)
    assert asked(own, engine) == "it ended without a word on fitting params to free memory"


def test_an_engine_that_complains_is_cited(tmp_path: Path, shapes: Path):
    said = "0.1 E ggml_cuda_init: CUDA error: no kernel image is available"
    engine = own_engine(tmp_path, f"echo '{said}' >&2; exit 1")
    own = profile(f"model = {shapes}/dense.gguf\n", tmp_path, engine)
    assert asked(own, engine) == "CUDA error: no kernel image is available"


def test_an_engine_that_hangs_is_given_up(
    tmp_path: Path, shapes: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(rehearsal, "_LIMIT", 0.3)
    engine = own_engine(tmp_path, "sleep 600")
    own = profile(f"model = {shapes}/dense.gguf\n", tmp_path, engine)
    assert asked(own, engine) == "it was not done after 0.3 s"


def test_an_engine_that_is_gone_gives_an_estimate(tmp_path: Path, shapes: Path, engine: Engine):
    own = profile(f"model = {shapes}/dense.gguf\n", tmp_path, engine)
    gone = replace(engine, command=("/nowhere/llama-server",))
    assert asked(own, gone) == "/nowhere/llama-server cannot be started: No such file or directory"


def test_what_an_old_engine_cannot_tell_is_not_asked(tmp_path: Path, shapes: Path, engine: Engine):
    flags = FlagSet.of(spec for spec in engine.flags.specs if spec.name != "--fit")
    old = replace(engine, flags=flags, name="old", version="b5000", command=("/bin/false",))
    own = profile(f"model = {shapes}/dense.gguf\n", tmp_path, old)
    assert why(own, old) == "old b5000 has no --fit"


def test_without_a_model_no_engine_is_asked(tmp_path: Path, engine: Engine):
    never = replace(engine, command=("/bin/false",))
    assert why(written(), never) == "llama-server fetches the model itself"
    assert why(written(model=tmp_path / "m.gguf"), never) == f"there is no {tmp_path}/m.gguf"


def test_an_engine_is_asked_in_its_own_environment(tmp_path: Path, shapes: Path):
    engine = own_engine(tmp_path, '[ "$NEEDED" = yes ] || exit 3')
    own = profile(f"model = {shapes}/dense.gguf\n", tmp_path, engine)
    assert "without a word" in asked(own, engine)
    equipped = replace(engine, env=(("NEEDED", "yes"),))
    assert Planner().plan(own, equipped, None, around()).source == "engine"


# ---- files that it cannot load ----


def broken(breaks: Breaker, folder: Path, engine: Engine, flags: str = "") -> Plan:
    breaks(folder / "bad.gguf")
    own = profile(f"model = {folder}/bad.gguf\n{flags}", folder, engine)
    return Planner().plan(own, engine, None, around())


@pytest.mark.parametrize(
    "breaks", [b for b in BREAKERS if b is not absent], ids=lambda b: b.__name__
)
@pytest.mark.parametrize("flags", ["", "fit = off\n"])
def test_an_engine_that_cannot_load_the_file_is_cited(
    tmp_path: Path, engine: Engine, breaks: Breaker, flags: str
):
    found = broken(breaks, tmp_path, engine, flags)
    assert found.refusal.startswith(f"{engine.name} {engine.version} says: ")
    assert re.search("|".join((BREAKERS[breaks], "is not within the file bounds")), found.refusal)
    assert (found.source, found.fits) == ("estimate", False)


def test_the_embedded_engine_cites_llama_cpp_too(tmp_path: Path):
    try:
        embedded = find_engine("embedded", cache_dir=tmp_path)
    except EngineError as error:
        pytest.skip(str(error))
    found = broken(without_tokenizer, tmp_path, embedded)
    assert "key not found in model: tokenizer.ggml.model" in found.refusal
    assert "check the input params" not in found.notes[0]


def test_what_the_flags_make_good_is_no_fault_of_the_file(tmp_path: Path, engine: Engine):
    """`--override-kv` gives the value that the file stores as another type: llama-server loads it."""
    override = "override-kv = llama.context_length=int:4096\n"
    assert "wrong type" in broken(context_as_float, tmp_path, engine).refusal
    found = broken(context_as_float, tmp_path, engine, override)
    assert (found.refusal, found.source, found.fits) == ("", "engine", True)


def test_fits_word_alone_is_not_enough(tmp_path: Path, engine: Engine):
    """The measuring fails, but the server goes on to load: nothing is known against the file."""
    model = write(tmp_path / "m.gguf", ScriptedModel(say="Hi."))
    said = (
        "0.1 E llama_model_load: error loading model: a thing that only measuring cannot do\n"
        "0.2 I common_fit_params: fitting params to free memory took 0.00 seconds"
    )
    body = f"printf '{said}\\n' >&2; shift $#; set -- --model {model} --fit off -lv 5 --port 0"
    own_one = own_engine(tmp_path, body)
    found = Planner().plan(
        profile(f"model = {model}\n", tmp_path, own_one), own_one, None, around()
    )
    assert found.refusal == ""


def test_a_broken_file_is_asked_about_again_each_time(tmp_path: Path):
    here = Counted(tmp_path)
    without_tokenizer(here.model)
    assert here.plan().refusal
    assert here.plan().refusal
    assert here.runs == 2
    assert here.planner.refused_before(here.profile(), here.engine)
    write(here.model, ScriptedModel(say="Mended."))
    assert not here.planner.refused_before(here.profile(), here.engine)
    assert here.plan().source == "engine"


# ---- plans that are remembered ----


@dataclass
class Counted:
    """An engine that writes down its runs, and a model and a planner of its own."""

    folder: Path

    def __post_init__(self) -> None:
        self.model = write(self.folder / "m.gguf", ScriptedModel(say="Hi."))
        self.engine = own_engine(self.folder, f"echo run >> {self.folder}/runs")
        self.planner = Planner(PlanCache(self.folder / "plans"))

    def profile(self, flags: str = CTX) -> Profile:
        return profile(f"model = {self.model}\nparallel = 1\n{flags}", self.folder, self.engine)

    def plan(self, flags: str = CTX) -> Plan:
        return self.planner.plan(self.profile(flags), self.engine, None, around())

    @property
    def runs(self) -> int:
        return len((self.folder / "runs").read_text().splitlines())


def test_a_plan_is_made_once(tmp_path: Path):
    here = Counted(tmp_path)
    assert here.plan() == here.plan()
    assert here.runs == 1
    here.planner = Planner(PlanCache(tmp_path / "plans"))  # after a restart
    here.plan()
    assert here.runs == 1


def test_it_is_made_anew_for_other_flags(tmp_path: Path):
    here = Counted(tmp_path)
    assert [here.plan(f"ctx-size = {n}\n").n_ctx for n in (512, 1024, 512)] == [512, 1024, 512]
    assert here.runs == 2


def test_it_is_made_anew_for_another_file(tmp_path: Path):
    here = Counted(tmp_path)
    before = here.plan().devices
    write(here.model, ScriptedModel(say="Hi.", target_mib=20))
    assert here.plan().devices != before
    assert here.runs == 2


def test_it_is_made_anew_by_another_engine(tmp_path: Path):
    here = Counted(tmp_path)
    here.plan()
    here.engine = own_engine(tmp_path, f"echo run >> {tmp_path}/runs # new")
    here.plan()
    assert here.runs == 2


def test_an_estimate_is_not_kept(tmp_path: Path):
    here = Counted(tmp_path)
    here.engine = own_engine(tmp_path, "exit 3")
    assert here.plan().source == "estimate"
    assert not (tmp_path / "plans").exists()
