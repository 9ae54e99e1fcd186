"""Where a model lies, from the lines that real servers printed.

`log-11434-*.txt` were written by build 11434 on a CPU, with RPC devices in `-rpc`; `-h100-spilled` on
two H100 of which another program held nearly all, `-h200-tensor` on two H200. Lines that tell nothing were taken out.
"""

from pathlib import Path

import pytest

from paddock.api.placement import Placement
from paddock.llama.placement_log import PlacementReader

HERE = Path(__file__).parent


def lines(name: str) -> list[str]:
    return (HERE / f"{name}.txt").read_text(encoding="utf-8").splitlines()


def placement(log: list[str]) -> Placement:
    reader = PlacementReader()
    for line in log:
        reader.feed(line)
    return reader.placement


def sizes(log: list[str]) -> dict[tuple[str, str], float]:
    return {(b.device, b.kind): b.mib for b in placement(log).buffers}


def test_keys_and_values_and_recurrent_state_are_both_context():
    log = lines("log-11434-hybrid")
    assert sizes(log) == {
        ("Host", "model"): 3.32,
        ("Host", "output"): 0.0,
        ("Host", "context"): 4.3,
        ("Host", "compute"): 11.66,
    }
    found = placement(log)
    assert (found.layers, found.n_ctx, found.graph_splits, found.warnings) == (5, 4096, 1, [])


def test_the_embedded_server_reports_no_layers():
    found = placement(lines("log-11434-embedded"))
    assert (found.layers, found.n_ctx, found.graph_splits) == (None, 4096, 1)


def test_shards_add_up():
    assert sizes(lines("log-11434-shards"))["Host", "model"] == 2.7


def test_a_draft_model_adds_its_buffers_and_nothing_else():
    log = lines("log-11434-draft")
    drafts = [i for i, line in enumerate(log) if "offloaded" in line][-1]
    log[drafts] = log[drafts].replace("5/5", "1/3")  # here both have 5
    found = placement(log)
    held = {b.kind: b.mib for b in found.buffers}
    assert held == {"model": 16.59, "output": 0.0, "context": 16.0, "compute": 22.04}
    assert (found.layers_offloaded, found.layers) == (5, 5)


def test_fits_trials_are_not_added_up_into_the_real_load():
    log = lines("log-11434-level-5")
    assert sum("model buffer size" in line for line in log) == 2
    assert sizes(log)["Host", "model"] == 2.7
    assert sizes(log)["Host", "compute"] == 9.52


def test_devices_behind_rpc_are_reported_by_their_names():
    """Both buffers are called `RPC0[…]`."""
    found = placement(lines("log-11434-rpc"))
    assert {(b.device, b.mib) for b in found.buffers if b.kind == "model"} == {
        ("Host", 199.08),
        ("RPC0", 121.69),
        ("RPC1", 66.46),
    }
    assert (found.layers_offloaded, found.layers_overflowing, found.graph_splits) == (13, 3, 9)


def test_layers_overflowing_are_those_of_the_last_trial_on_each_device():
    """Made-up: fit prints the line of a device once per step it settles; here RPC0's twice."""
    log = lines("log-11434-rpc")
    line = next(line for line in log if "( 1 overflowing)" in line)
    again = log.index(line)
    log[again:again] = [line.replace("( 1", "( 4")]
    assert placement(log).layers_overflowing == 3


def test_an_unknown_rpc_endpoint_keeps_its_buffers_name():
    line = "0.1.1 I load_tensors: RPC0[10.0.0.7:50052] model buffer size =   137.32 MiB"
    assert sizes([line]) == {("RPC0[10.0.0.7:50052]", "model"): 137.32}


def test_the_buffers_of_a_gpu():
    log = [
        "common_params_fit_impl: projected to use 24233 MiB of device memory vs. 142629 MiB of free device memory",
        "common_fit_params: fitting params to free memory took 0.24 seconds",
        "load_tensors: offloaded 33/33 layers to GPU",
        "load_tensors:        CUDA0 model buffer size =  7605.33 MiB",
        "load_tensors:    CUDA_Host model buffer size =   266.16 MiB",
        "llama_kv_cache:      CUDA0 KV buffer size = 16384.00 MiB",
        "sched_reserve:      CUDA0 compute buffer size =   244.01 MiB",
        "sched_reserve: graph: nodes = 1001, splits = 2, input objects = 4, input tensors = 9",
    ]
    assert sizes(log) == {
        ("CUDA0", "model"): 7605.33,
        ("Host", "model"): 266.16,
        ("CUDA0", "context"): 16384.0,
        ("CUDA0", "compute"): 244.01,
    }


def test_a_graph_reserved_anew_replaces_its_buffer_and_a_second_cache_adds_to_it():
    log = [
        "llama_context: constructing llama_context",
        "llama_kv_cache:      CUDA0 KV buffer size =  1024.00 MiB",
        "llama_kv_cache:      CUDA0 KV buffer size =    64.00 MiB",
        "sched_reserve:      CUDA0 compute buffer size =   300.00 MiB",
        "sched_reserve:      CUDA0 compute buffer size =   244.01 MiB",
    ]
    assert sizes(log) == {("CUDA0", "context"): 1088.0, ("CUDA0", "compute"): 244.01}


def test_splits_that_differ_for_prompt_and_generation():
    log = "sched_reserve: graph (pp bs=512, tg bs=1): nodes = 1993 / 1993, splits = 343 / 2, input"
    found = placement([log])
    assert (found.graph_splits, found.graph_splits_tg) == (343, 2)


def test_fits_complaint_is_a_warning():
    assert placement(lines("log-cuda-out-of-memory")).warnings == [
        "failed to fit params to free device memory: n_gpu_layers already set by user to 99, abort"
    ]


def test_mapped_weights_in_ram_are_the_file_less_what_the_gpus_hold():
    """The mapped span is 16,437 MiB there; of the file's 16.63 GiB the GPUs hold 9,308."""
    found = placement(lines("log-11434-h100-spilled"))
    held = {(b.device, b.kind): b.mib for b in found.buffers}
    assert round(held["Host", "model"]) == round(16.63 * 1024 - 6714.66 - 2593.63)
    assert (held["CUDA0", "model"], held["CUDA1", "model"]) == (6714.66, 2593.63)
    assert (found.layers_offloaded, found.layers_overflowing) == (49, 24)
    assert (found.graph_splits, found.graph_splits_tg, found.n_ctx) == (92, 49, 16384)
    assert found.free == {"CUDA0": 8346, "CUDA1": 4250}


def test_weights_in_another_order_are_counted_once():
    log = [
        "0.1 I print_info: file size   = 400.00 MiB (8.50 BPW)",
        "0.2 I load_tensors: loading model tensors, this can take a while... (load_mode = mmap)",
        "0.3 I load_tensors:   CPU_Mapped model buffer size =   399.00 MiB",
        "0.3 I load_tensors:   CPU_REPACK model buffer size =   394.00 MiB",
    ]
    assert sizes(log) == {("Host", "model"): 399.0}


# Loads of models whose token embedding is the output matrix, on a CPU that repacks Q4_0 and on a card of Vulkan:
# MiB of the file and of that matrix, layers on the card, buffers of weights, and what the engine's fit counts in RAM.
TIED = {
    "all on the card": (99.97, 31.13, 7, {"CPU_Mapped": 31.13, "Vulkan0": 99.97}, 31.13),
    "copied as output": (160.0, 54.93, 0, {"CPU_Mapped": 160.0, "CPU_REPACK": 159.98}, 214.93),
    "small, and copied": (100.04, 16.48, 0, {"CPU_Mapped": 100.04, "CPU_REPACK": 100.01}, 116.52),
    "of a type that is not copied": (99.97, 31.13, 0, {"CPU_Mapped": 99.97, "CPU_REPACK": 68.82}, 99.97),
    "large, and not copied": (198.03, 195.32, 0, {"CPU_Mapped": 198.03, "CPU_REPACK": 2.69}, 198.03),
    "refused by the card, and copied": (160.0, 54.93, 7, {"CPU_Mapped": 54.93, "CPU_REPACK": 54.93, "Vulkan0": 105.07}, 109.86),
    "refused by the card": (159.95, 103.76, 7, {"CPU_Mapped": 103.76, "Vulkan0": 56.19}, 103.76),
}  # fmt: skip


@pytest.mark.parametrize(
    ("file", "tied", "layers", "buffers", "in_ram"), list(TIED.values()), ids=list(TIED)
)
def test_an_embedding_that_is_the_output_matrix_too_is_counted_where_it_lies(
    file: float, tied: float, layers: int, buffers: dict[str, float], in_ram: float
):
    reader = PlacementReader()
    reader.feed(f"0.1 I print_info: file size   = {file} MiB (4.50 BPW)")
    reader.feed("0.2 I load_tensors: loading model tensors, this can take a while...")
    reader.feed(f"0.3 I load_tensors: offloaded {layers}/7 layers to GPU")
    for name, mib in buffers.items():
        reader.feed(f"0.3 I load_tensors:   {name} model buffer size =   {mib} MiB")
    assert reader.placement.buffers
    reader.note_tied(tied)  # as its header says, which may be read later
    held = {b.device: b.mib for b in reader.placement.buffers}
    assert held["Host"] == pytest.approx(in_ram, abs=0.05)


@pytest.mark.parametrize(
    ("name", "weights", "context"),
    [
        ("log-11434-h200-tensor", 9114.39, 4096.0),
        ("log-11434-h200-tensor-3-1", 13670.36, 6144.0),
    ],
)
def test_devices_that_work_as_one_have_the_largest_part_each(name, weights, context):
    """Of two H200: the driver counted 14850 MiB on each; where one got three quarters, 21454 and 8246."""
    reader = PlacementReader()
    for line in lines(name):
        reader.feed(line)
    found = {(b.device, b.kind): b.mib for b in reader.placement.buffers}
    for device in ("CUDA0", "CUDA1"):
        assert found[device, "model"] == weights
        assert found[device, "context"] == context
        assert found[device, "compute"] == 234.01
    assert {device for device, _ in found} == {"CUDA0", "CUDA1", "Host"}
    assert list(reader.devices) == ["CUDA0", "CUDA1"]
    assert not reader.placement.free, "only the sum is reported"
    assert not reader.placement.warnings, "that fit does nothing here is no fault of this load"


def test_devices_are_reported_with_their_slots():
    reader = PlacementReader()
    for line in lines("log-11434-h100-spilled"):
        reader.feed(line)
    assert [(d.name, d.address) for d in reader.devices.values()] == [
        ("CUDA0", "0000:00:06.0"),
        ("CUDA1", "0000:00:07.0"),
    ]
