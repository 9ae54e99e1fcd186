"""Weights that devices refuse: by what llama.cpp says, and by what the header comes to. Devices are made up."""

from typing import Any

import pytest

from paddock.api.placement import Plan
from paddock.llama.fit import Elsewhere, Fit, FitDevice, FitTrial, Sizes
from paddock.llama.gguf import Facts
from paddock.placement.refused import Refused, note_refused, refused

MIB = 1 << 20
FACTS = Facts(
    architecture="llama", n_layers=4, kv_layers=4, size_bytes=0, shards=("m.gguf",),
    layer_bytes=(200 * MIB,) * 4, expert_bytes=(0,) * 4, input_bytes=100 * MIB, output_bytes=150 * MIB,
)  # fmt: skip
USUAL = Elsewhere("token_embd.weight", "q4_K", 0, "Vulkan_Host", "CPU")
OTHERS = Elsewhere("token_embd.weight", "q4_K", 12, "Vulkan_Host", "CPU")
EXPERTS = "blk.0.ffn_up_exps.weight"
MOVED = Elsewhere(EXPERTS, "q8_0", 8, "CUDA0", "CPU")  # as of 34 layers of a 30B-A3B on an H200
NAMED = Elsewhere("output.weight", "q6_K", 8, "Vulkan0", "CPU")


def fit(said: Elsewhere | None, in_ram: int, splits: int = 2, **more: Any) -> Fit:
    layers = more.pop("layers", {"Vulkan0": 5})
    sizes = {"Vulkan0": Sizes(model=800), "Host": Sizes(model=in_ram)}
    trial = FitTrial(elsewhere=said, sizes=sizes, layers=layers, splits=splits, **more)
    device = FitDevice("Vulkan0", "made up", "0000:03:00.0", 16_000, 16_384)
    return Fit((device,), trial, None, {}, {}, 4096, 4096, None, "")


@pytest.mark.parametrize(
    ("found", "mib"),
    [
        (fit(OTHERS, 400, splits=18), 300),
        (fit(NAMED, 250), 150),
        (fit(USUAL, 100), None),
        (fit(None, 400, splits=18), None),
        (fit(OTHERS, 110, splits=18), None),
        (fit(OTHERS, 400, splits=2), None),
        (fit(OTHERS, 500, splits=4, layers={"Host": 2, "Vulkan0": 3}), None),
        (fit(OTHERS, 700, splits=9, layers={"Host": 2, "Vulkan0": 3}), 200),
        (fit(OTHERS, 1050, splits=9, layers={"Host": 5}), None),
        (fit(OTHERS, 500, splits=9, moved_mib=400, moved={"CPU": [EXPERTS] * 9}), None),
        (fit(MOVED, 500, splits=9, moved_mib=400, moved={"CPU": [EXPERTS] * 9}), None),
        (fit(MOVED, 800, splits=9, moved_mib=400, moved={"CPU": [EXPERTS] * 9}), 300),
    ],
    ids=[
        "more in RAM than belongs there, in many splits", "a tensor that llama.cpp names", "the embedding alone",
        "nothing said", "an embedding with its like", "no splits", "two layers in RAM", "and more than these",
        "nothing on devices", "experts that fit moved", "experts that fit moved and llama.cpp names",
        "and more than these, beside them",
    ],
)  # fmt: skip
def test_what_devices_refuse_is_what_ram_has_beyond_what_belongs_there(found: Fit, mib: int | None):
    said = refused(found, lambda: FACTS)
    assert (said.mib if said else None) == mib


def test_without_a_header_only_a_named_tensor_says():
    assert refused(fit(OTHERS, 400, splits=18), lambda: None) is None
    assert refused(fit(NAMED, 400), lambda: None) == Refused(0, "output.weight (q6_K) and 8 others")


def test_a_plan_says_how_much_and_which():
    plan = Plan(profile="m", source="engine", fits=True)
    note_refused(plan, None)
    assert (plan.refused_mib, plan.warnings) == (0, [])
    note_refused(plan, refused(fit(NAMED, 1328), lambda: FACTS))
    assert plan.refused_mib == 1228
    assert plan.warnings == [
        "devices refuse a type or a size, and 1.2 GiB of weights of layers there stay in RAM: "
        "output.weight (q6_K) and 8 others"
    ]
