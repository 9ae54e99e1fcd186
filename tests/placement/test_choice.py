"""Whether what variables choose is there: by the engine's names of its devices."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from paddock.engine.engine import Engine
from paddock.engine.environment import NO_GPU
from paddock.placement.choice import choices, unmatched
from paddock.placement.planner import Planner
from tests.placement.ground import around, gpu, profile, written

HAS = ("CUDA", "ROCm", "Vulkan")  # as of an engine with all of these
NOTHING_SEEN = "matches no device that the engine sees: it computes on the processor"


@pytest.mark.parametrize(
    ("own", "seen", "said"),
    [
        ({"GGML_VK_VISIBLE_DEVICES": "3"}, [], f"GGML_VK_VISIBLE_DEVICES=3 {NOTHING_SEEN}"),
        ({"CUDA_VISIBLE_DEVICES": "7"}, ["RPC0"], f"CUDA_VISIBLE_DEVICES=7 {NOTHING_SEEN}"),
        ({"CUDA_VISIBLE_DEVICES": "0"}, ["CUDA0"], ""),
        # Written for this engine, though nothing in it reads that.
        ({"ZE_AFFINITY_MASK": "1"}, ["Vulkan0"], ""),
        (
            {"CUDA_VISIBLE_DEVICES": "7"},
            ["RPC0", "Vulkan0"],
            "CUDA_VISIBLE_DEVICES=7 matches no device that the engine sees: it uses Vulkan0",
        ),
        ({"CUDA_VISIBLE_DEVICES": "0,"}, ["CUDA0"], ""),
        ({"CUDA_VISIBLE_DEVICES": "0, ,1"}, ["CUDA0", "CUDA1"], ""),
        ({"CUDA_VISIBLE_DEVICES": "-1", "HIP_VISIBLE_DEVICES": ""}, [], ""),
        (NO_GPU, [], ""),
        ({"PATH": "0"}, [], ""),
        (
            {"CUDA_VISIBLE_DEVICES": "0,9"},
            ["CUDA0"],
            "CUDA_VISIBLE_DEVICES=0,9 names 2 devices, the engine sees 1 (CUDA0)",
        ),
        ({"CUDA_VISIBLE_DEVICES": "0,-1,2"}, ["CUDA0"], ""),
        ({"HIP_VISIBLE_DEVICES": "1,0"}, ["ROCm0", "ROCm1"], ""),
        ({"GGML_VK_VISIBLE_DEVICES": "0,1"}, ["Vulkan0"], ""),
    ],
)
def test_a_choice_is_compared_with_what_the_engine_sees(own, seen, said):
    chosen = choices({}, own, has_gpus=False, backends=HAS)
    assert unmatched(written(), chosen, seen, HAS) == said


@pytest.mark.parametrize("flag", ["--device none", "--n-gpu-layers 0"])
def test_who_wants_no_device_misses_none(flag: str):
    assert unmatched(written(flag), {"CUDA_VISIBLE_DEVICES": "7"}, [], HAS) == ""


@pytest.mark.parametrize("flag", ["--device CUDA0", "--split-mode none"])
def test_who_uses_one_of_several_sees_one(flag: str):
    assert unmatched(written(flag), {"CUDA_VISIBLE_DEVICES": "0,1"}, ["CUDA0"], HAS) == ""


def test_paddocks_own_environment_counts_where_there_is_a_gpu_and_an_engines_own_always():
    base = {"CUDA_VISIBLE_DEVICES": "0", "HIP_VISIBLE_DEVICES": "1"}
    own = {"CUDA_VISIBLE_DEVICES": "2"}
    assert choices(base, {}, has_gpus=False, backends=("CUDA", "ROCm")) == {}
    assert choices(base, own, has_gpus=False, backends=("CUDA", "ROCm")) == own
    assert choices(base, own, has_gpus=True, backends=("CUDA", "ROCm")) == {**base, **own}


@pytest.mark.parametrize(
    ("backends", "counts"),
    [((), False), (("Vulkan",), False), (("CUDA",), True), (("ROCm", "Vulkan"), True)],
)
def test_paddocks_own_environment_counts_for_an_engine_that_has_such_a_backend(
    backends: tuple[str, ...], *, counts: bool
):
    base = {"CUDA_VISIBLE_DEVICES": "0", "PATH": "/bin"}
    chosen = choices(base, {}, has_gpus=True, backends=backends)
    assert chosen == ({"CUDA_VISIBLE_DEVICES": "0"} if counts else {})


def test_a_plan_of_the_real_engine_says_that_nothing_matches(
    shapes: Path, engine: Engine, tmp_path: Path
):
    lost = replace(engine, env=(("CUDA_VISIBLE_DEVICES", "7"),))
    own = profile(f"model = {shapes}/draft.gguf\n", tmp_path, lost)
    plan = Planner().plan(own, lost, None, around())
    assert plan.warnings == [f"CUDA_VISIBLE_DEVICES=7 {NOTHING_SEEN}"]


def test_of_a_real_engine_for_the_processor_an_inherited_choice_is_none_of_its_own(
    shapes: Path, engine: Engine, tmp_path: Path
):
    own = profile(f"model = {shapes}/draft.gguf\n", tmp_path, engine)
    planner = Planner(environ={**os.environ, "CUDA_VISIBLE_DEVICES": "0"})
    assert planner.plan(own, engine, None, around(gpu("CUDA0", 9_000))).warnings == []
