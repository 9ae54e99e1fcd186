"""The estimate, held against what a real GPU took, and against llama.cpp's own plans.

GPUs are made up but for their names and sizes; the rig's devices are real to llama.cpp.
"""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from paddock.api.placement import DevicePlan, Plan
from paddock.core.model import HOST, DeviceId
from paddock.engine.engine import Engine
from paddock.llama.gguf import Facts
from paddock.llama.gguf_read import read_facts
from paddock.placement.devices import Reading, overhead_of
from paddock.placement.estimate import context_mib, estimated, logits_mib
from paddock.placement.planner import Planner
from tests.placement.ground import around, beside, gpu, profile, written
from tests.rig import needs_rig, rig

LAYER = 4096 * (3 * 14336 + 2 * 4096 + 2 * 1024) * 34 // 32  # bytes, Q8_0
A = Facts(  # 8B llama, Q8_0: 128 KiB per token
    architecture="llama", n_layers=32, kv_layers=32, n_ctx_train=131072, n_embd=4096, heads=32,
    kv_heads=(8,) * 32, key_length=128, value_length=128, n_vocab=128256, n_params=8_030_000_000,
    size_bytes=8_540_000_000, shards=("a.gguf",), types={"Q8_0": 8_532_000_000},
    layer_bytes=(LAYER,) * 32, expert_bytes=(0,) * 32,
    input_bytes=128256 * 4096 * 34 // 32, output_bytes=128256 * 4096 * 34 // 32,
)  # fmt: skip
H200 = gpu("CUDA0", 143155)


BLOCK = (3 * 5120 * 27648 + 2 * 5120 * 5120 + 2 * 5120 * 1024) * 18 // 32  # bytes, Q4_0
B = Facts(  # 32B, Q4_0: 256 KiB per token
    architecture="llama", n_layers=64, kv_layers=64, n_ctx_train=131072, n_embd=5120, heads=40,
    kv_heads=(8,) * 64, key_length=128, value_length=128, n_vocab=151936, n_params=32_700_000_000,
    size_bytes=20_670_000_000, shards=("b.gguf",), types={"Q4_0": 17_550_000_000, "F16": 3_111_000_000},
    layer_bytes=(BLOCK,) * 64, expert_bytes=(0,) * 64,
    input_bytes=151936 * 5120 * 2, output_bytes=151936 * 5120 * 2,
)  # fmt: skip


def plan(*flags: str, facts: Facts | None = A, on: tuple[Reading, ...] = (H200,), **rest: Any) -> Plan:  # fmt: skip
    return estimated(written(*flags, **rest), facts, around(*on))


def used(found: Plan, device: str = "CUDA0") -> DevicePlan:
    one = found.device(device)
    assert one is not None
    return one


# ---- on real GPUs ----


@pytest.mark.parametrize(("ctx_tokens", "measured"), [(131072, 24834), (8192, 9354)])
def test_it_is_a_little_more_than_the_process_took_on_an_h200(ctx_tokens: int, measured: int):
    """Build 11434; what nvidia-smi showed of the process after use."""
    found = plan(f"--ctx-size {ctx_tokens}")
    assert measured < sum(d.total for d in found.devices if d.id != HOST) < 1.1 * measured
    assert (found.n_ctx, found.layers_on_devices, found.fits) == (ctx_tokens, 33, True)


@pytest.mark.parametrize(("ctx_tokens", "compute"), [(131072, 724), (65536, 468)])
def test_inputs_are_there_four_times_where_two_made_up_gpus_work_in_turn(
    ctx_tokens: int, compute: int
):
    """Measured on two H100 with a model of A's shape: tests/llama/fit-11434-h100-*.txt."""
    both = (gpu("CUDA0", 81079), gpu("CUDA1", 81079))
    found = used(plan(f"--ctx-size {ctx_tokens}", on=both, facts=with_words(32000)))
    assert compute < found.compute < 1.1 * compute


def with_words(count: int) -> Facts:
    return msgspec.structs.replace(A, n_vocab=count)


# ---- against llama.cpp's own plans ----

KINDS = ["dense", "moe", "jamba", "mamba", "gemma3"]


@needs_rig
@pytest.mark.parametrize("mib", [(1000,), (600, 500), (210,), (220, 180)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_it_comes_near_to_the_engines_plan(
    kind: str, mib: tuple[int, ...], shapes: Path, engine: Engine, tmp_path: Path
):
    """The last two do not fit: layers or experts spill, and an open context is cut."""
    facts = read_facts(shapes / f"{kind}.gguf")
    with rig(tmp_path, *mib) as devices:
        here = beside(devices, *mib)
        for ctx in ("", "ctx-size = 8192\n"):
            conf = (
                f"model = {shapes}/{kind}.gguf\nparallel = 1\nfit-target = 16\n{devices.flag}{ctx}"
            )
            own = profile(conf, tmp_path, engine)
            planned, guessed = Planner().plan(own, engine, None, here), estimated(own, facts, here)
            assert planned.source == "engine"
            assert differences(planned, guessed) == [], (planned, guessed)


def differences(planned: Plan, guessed: Plan) -> list[str]:
    """Where the estimate is further from the plan than it may be."""
    found = [
        f"{own.device}: {own.total} MiB, guessed were {other.total}"
        for own, other in zip(planned.devices, guessed.devices, strict=True)
        if abs(own.total - other.total) > max(0.15 * own.total, 48)
    ]
    found += [
        f"{what}: {getattr(planned, what)} and {getattr(guessed, what)}"
        for what in ("layers_on_devices", "experts_in_ram")
        if abs(getattr(planned, what) - getattr(guessed, what)) > 2
    ]
    if is_cut(planned) != is_cut(guessed):
        found.append(f"context: {planned.n_ctx} and {guessed.n_ctx}")
    return found


def is_cut(found: Plan) -> bool:
    return (found.n_ctx or 0) < (found.n_ctx_wanted or 0)


@needs_rig
@pytest.mark.parametrize(
    ("kind", "flags"),
    [
        ("gemma3", "ctx-size = 8192\n"),  # four slots, of which each keeps a window
        ("gemma3", "ctx-size = 8192\nparallel = 4\n"),  # in four caches
        ("jamba", "ctx-size = 8192\nubatch-size = 256\n"),
        ("dense", "ctx-size = 8192\ncache-type-k = q8_0\ncache-type-v = q8_0\n"),
        ("dense", "parallel = 4\nfit = off\n"),
        ("dense", "ctx-size = 8192\nn-gpu-layers = 5\n"),
        ("moe", "ctx-size = 8192\ncpu-moe = true\n"),
        ("moe", "ctx-size = 8192\nn-cpu-moe = 4\n"),
    ],
)
def test_it_knows_the_flags_that_change_what_lies_where(
    kind: str, flags: str, shapes: Path, engine: Engine, tmp_path: Path
):
    facts = read_facts(shapes / f"{kind}.gguf")
    with rig(tmp_path, 1000) as devices:
        conf = f"model = {shapes}/{kind}.gguf\n{devices.flag}{flags}"
        own, here = profile(conf, tmp_path, engine), beside(devices, 1000)
        planned, guessed = Planner().plan(own, engine, None, here), estimated(own, facts, here)
        assert differences(planned, guessed) == [], (planned, guessed)
        assert guessed.n_ctx == planned.n_ctx


# ---- where it goes, on GPUs that are made up ----


def test_what_does_not_fit_has_its_context_cut_first():
    found = plan(on=(gpu("CUDA0", 16000),))
    assert found.n_ctx_wanted == 131072
    assert 40000 < (found.n_ctx or 0) < 60000
    assert (found.n_ctx or 0) % 256 == 0
    assert (found.layers_on_devices, found.fits) == (33, True)
    assert used(found).left is not None
    assert 1024 <= (used(found).left or 0) < 1100  # the margin, and what is less than a step


def test_a_context_that_was_asked_for_stays_and_layers_go():
    found = plan("--ctx-size 32768", on=(gpu("CUDA0", 8000),))
    assert (found.n_ctx, found.fits) == (32768, True)
    layers = used(found).layers or 0
    assert found.layers_on_devices == layers == 33 - (used(found, "Host").layers or 0)
    assert 10 < layers < 20
    assert "whole layers go to RAM" in found.notes[0]


def test_a_context_is_cut_no_further_than_to_fits_least():
    assert plan(on=(gpu("CUDA0", 4000),)).n_ctx == 4096
    assert plan("--fit-ctx 8192", on=(gpu("CUDA0", 4000),)).n_ctx == 8192


def test_without_fit_or_with_layers_set_by_hand_nothing_is_moved():
    small = (gpu("CUDA0", 4000),)
    off = plan("--fit off", "--ctx-size 8192", on=small)
    assert (off.layers_on_devices, off.fits, used(off).margin) == (33, False, 0)
    by_hand = plan("--n-gpu-layers 99", "--ctx-size 8192", on=small)
    assert (by_hand.layers_on_devices, by_hand.fits) == (33, False)
    assert by_hand.warnings[0].startswith("CUDA0: needs ")
    by_itself = plan("--n-gpu-layers auto", "--ctx-size 8192", on=small)
    assert by_itself.layers_on_devices == plan("--ctx-size 8192", on=small).layers_on_devices
    assert by_itself.fits


def test_slots_that_were_asked_for_have_the_trained_context_each_if_fit_may_give_it():
    assert plan("--parallel 2").n_ctx == 2 * 131072
    assert plan("--parallel 2", "--kv-unified").n_ctx == plan().n_ctx == 131072
    assert plan("--parallel -1").n_ctx == 131072  # llama-server chooses
    assert plan("--parallel 2", "--fit off").n_ctx == 131072


def test_each_device_has_the_margin_of_its_place():
    both = (gpu("CUDA0", 24000), gpu("CUDA1", 12000))
    found = plan("--fit-target 60,30", "--ctx-size 8192", on=both)
    assert [d.margin for d in found.devices] == [60, 30, 0]
    assert [d.layers for d in found.devices] == [23, 10, 0]


def test_only_chosen_devices_and_reachable_ones_are_used():
    """What lies behind RPC is known from other profiles, and no use to one that does not name it."""
    far = gpu("RPC0", 24000, id_="RPC0[10.0.0.7:50052]")
    three = (gpu("CUDA0", 24000), gpu("CUDA1", 12000), far)
    assert [d.device for d in plan(on=three).devices] == ["CUDA0", "CUDA1", "Host"]
    assert [d.device for d in plan("--device CUDA1", on=three).devices] == ["CUDA1", "Host"]
    reached = plan("--rpc 10.0.0.7:50052,10.0.0.8:50052", on=three)
    assert [d.device for d in reached.devices] == ["RPC0", "CUDA0", "CUDA1", "Host"]


@pytest.mark.parametrize("flag", ["--n-gpu-layers 0", "--device none"])
def test_who_wants_no_gpu_lies_in_ram(flag: str):
    found = plan(flag, "--ctx-size 8192")
    assert [d.device for d in found.devices] == ["Host"]
    host = used(found, "Host")
    assert (host.layers, host.context) == (33, 1024)
    assert 8130 < host.model < 8140
    assert found.notes == []  # nothing was moved there: nothing else was wanted


def test_a_made_up_gpu_that_reports_nothing_takes_all():
    silent = Reading(DeviceId("gpu0"), "CUDA0", None, None)
    found = plan(on=(silent,))
    assert (found.layers_on_devices, found.n_ctx, found.fits) == (33, 131072, True)
    assert used(found).left is None


def test_measured_overheads_come_before_assumed_ones():
    here = around(H200, overheads={"CUDA0": 704})
    assert used(estimated(written("--ctx-size 8192"), A, here)).overhead == 704
    assert used(plan("--ctx-size 8192")).overhead == 600


@pytest.mark.parametrize(
    ("name", "mib"), [("CUDA0", 600), ("Vulkan0", 300), ("GPU0", 600), ("RPC0", 0)]
)
def test_a_card_that_no_engine_has_named_yet_has_the_most_that_a_driver_is_taken_to_keep(
    name: str, mib: int
):
    assert overhead_of(name, {"CUDA1": 704}) == mib


def test_projector_and_draft_are_counted_where_the_model_begins(tmp_path: Path):
    projector, draft = tmp_path / "mmproj.gguf", tmp_path / "draft.gguf"
    for file, mib in ((projector, 600), (draft, 200)):
        with file.open("wb") as content:
            content.truncate(mib << 20)
    both = (gpu("CUDA0", 24000), gpu("CUDA1", 24000))
    bare = plan("--ctx-size 8192", on=both)
    found = plan("--ctx-size 8192", f"--model-draft {draft}", on=both, mmproj=projector)
    assert used(found).model - used(bare).model == 600 + 200
    assert used(found, "CUDA1") == used(bare, "CUDA1")
    tight = plan("--ctx-size 8192", on=(gpu("CUDA0", 11000),), mmproj=projector)
    assert used(plan("--ctx-size 8192", on=(gpu("CUDA0", 11000),))).layers == 33
    assert (used(tight).layers or 0) < 33


# ---- sizes ----


def test_a_quantised_cache_takes_less():
    full = context_mib(A, 8192, "f16", "f16")
    assert full == 1024
    assert context_mib(A, 8192, "q8_0", "q8_0") == full * 17 // 32
    assert context_mib(A, 8192, "Q4_0", "f16") == (full + full * 9 // 32) // 2
    assert context_mib(A, 8192, "of the future", "f16") == full


def test_only_layers_that_keep_keys_and_values_count():
    half = msgspec.structs.replace(A, kv_heads=(8, 0) * 16, kv_layers=16)
    assert context_mib(half, 8192, "f16", "f16") == 512


def test_latent_attention_keeps_no_values():
    latent = msgspec.structs.replace(A, kv_heads=(1,) * 32, key_length=576, value_length=0)
    assert context_mib(latent, 8192, "f16", "f16") == 32 * 576 * 2 * 8192 >> 20


def test_a_state_is_kept_for_each_slot_whatever_the_context():
    half = msgspec.structs.replace(A, kv_heads=(8, 0) * 16, recurrent=(False, True) * 16, state_bytes=64 << 20)  # fmt: skip
    assert context_mib(half, 8192, "f16", "f16") == 512 + 64
    assert context_mib(half, 1, "f16", "f16", slots=3) == 3 * 64 + 1


def test_a_window_is_kept_with_one_ubatch_more():
    sliding = msgspec.structs.replace(A, window=1024, windowed=(True,) * 31 + (False,))
    per_token = 2 * 8 * 128 * 2
    assert context_mib(sliding, 8192, "f16", "f16") == (31 * 1536 + 8192) * per_token >> 20
    assert context_mib(sliding, 512, "f16", "f16") == 64


def test_logits_count_where_they_are_more_than_a_layers_work():
    """Engines that cannot be asked are old, and keep them for a whole ubatch."""
    assert logits_mib(with_words(151936), 512) == 297
    assert logits_mib(msgspec.structs.replace(A, n_vocab=None), 512) == 0
    few, many = (used(plan("--ctx-size 8192", facts=with_words(n))) for n in (32000, 262144))
    assert many.compute - few.compute == 512 - 104


# ---- without facts ----


def test_without_facts_the_files_are_spread_by_free_memory(tmp_path: Path):
    model = tmp_path / "strange.gguf"
    with model.open("wb") as content:
        content.truncate(900 << 20)
    both = (gpu("CUDA0", 20000), gpu("CUDA1", 10000))
    found = plan(facts=None, model=model, on=both)
    assert [d.model for d in found.devices] == [600, 300, 0]
    assert (found.n_ctx, found.layers, found.fits, found.source) == (None, None, True, "estimate")
    assert plan(facts=None, model=model, on=()).devices[0].model == 900


# ---- split by tensors: a part of every layer on every device ----

TWO = (gpu("CUDA0", 142627, id_="a"), gpu("CUDA1", 142627, id_="b"))


@pytest.mark.parametrize(
    ("split", "parts", "truth"),
    [
        ((), (1 / 2, 1 / 2), (14850, 14850)),
        (("--tensor-split 3,1",), (3 / 4, 1 / 4), (21454, 8246)),
    ],
)
def test_split_by_tensors_each_device_has_its_part_of_all(split, parts, truth):
    """The truth is what the driver counted of two H200 (32B, 32768 tokens, build 11434)."""
    found = plan("--split-mode tensor", "--ctx-size 32768", "--parallel 1", *split, facts=B, on=TWO)
    for device, part, mib in zip(("CUDA0", "CUDA1"), parts, truth, strict=True):
        assert used(found, device).model == pytest.approx(18228.8 * part, rel=0.01)
        assert used(found, device).context == pytest.approx(8192 * part, rel=0.01)
        assert mib <= used(found, device).total <= mib * 1.1
    assert (found.layers, found.layers_on_devices, found.fits) == (65, 65, True)


def test_split_by_tensors_nothing_gives_way_where_a_device_is_too_small():
    small = (gpu("CUDA0", 24000, id_="a"), gpu("CUDA1", 11000, id_="b"))
    found = plan("--split-mode tensor", "--ctx-size 8192", "--fit-target 1024", facts=B, on=small)
    assert not found.fits
    assert not found.steps
    assert {device.margin for device in found.devices} == {0}
    uneven = plan("--split-mode tensor", "--ctx-size 8192", "--tensor-split 2,1", facts=B, on=small)
    assert uneven.fits
