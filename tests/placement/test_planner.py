"""What is planned is what a real load then gets: both by the real llama-server, on a rig's devices."""

from pathlib import Path

import pytest

from paddock.core.model import HOST, DeviceId
from paddock.llama.gguf_read import read_facts
from paddock.placement.planner import Planner
from paddock.placement.planning import Circumstances
from tests.placement.ground import beside, profile, really
from tests.placement.planned import CTX, Ground, on, own_engine
from tests.rig import needs_rig

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
@pytest.mark.parametrize(
    ("ground", "model"), [((400,), "dense"), ((310,), "gemma3")], indirect=["ground"]
)
def test_a_context_cut_for_one_device_is_planned_as_fit_reckons_it(ground: Ground, model: str):
    """It measures two others, and loads one between them."""
    plan = ground.planned_and_loaded(model)
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
def test_layers_set_by_hand_that_do_not_fit_are_reported(ground: Ground):
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
    """llama.cpp is given 520 MiB on a device that has 220 free: what ours hold comes on top."""
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


# ---- split by tensors: fit cannot measure it, so the plan is an estimate ----


@needs_rig
@on(600, 500)
@pytest.mark.parametrize("split", ["", "tensor-split = 3,1\n"])
def test_split_by_tensors_a_device_gets_no_more_than_the_estimate_says(ground: Ground, split: str):
    keys = f"{CTX}split-mode = tensor\n{split}"
    plan = ground.plan("dense", keys, facts=read_facts(ground.shapes / "dense.gguf"))
    assert (plan.source, plan.fits) == ("estimate", True)
    assert "does not work with SPLIT_MODE = tensor" in plan.notes[0]
    placed = really(ground.profile("dense", keys), ground.engine, ground.folder).reader.placement
    assert placed.layers_offloaded == placed.layers == plan.layers_on_devices
    # Of all devices the log has what the largest part is; the first is planned with that.
    sizes = {(b.device, b.kind): b.mib for b in placed.buffers}
    first = plan.device("RPC0")
    assert first is not None
    for device in ("RPC0", "RPC1"):
        assert sizes[device, "model"] == pytest.approx(first.model, rel=0.05, abs=2)
        assert sizes[device, "context"] == pytest.approx(first.context, rel=0.05, abs=2)
        assert sizes[device, "compute"] <= first.compute
