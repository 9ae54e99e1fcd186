"""What the server's lines mean: on lines that real servers printed.

`log-11434-*.txt` and `state-11434-*.txt` were written by build 11434 on a CPU, with RPC devices in
`-rpc`; lines that tell nothing were taken out. The CUDA lines were printed on an H200.
"""

from pathlib import Path

import pytest

from paddock.api.placement import Placement
from paddock.llama.output import (
    PlacementReader,
    StateLine,
    failure_reason,
    load_hint,
    parse_state,
    parse_timing,
)

HERE = Path(__file__).parent


def lines(name: str) -> list[str]:
    return (HERE / f"{name}.txt").read_text(encoding="utf-8").splitlines()


def placement(told: list[str]) -> Placement:
    reader = PlacementReader()
    for line in told:
        reader.feed(line)
    return reader.placement


def sizes(told: list[str]) -> dict[tuple[str, str], float]:
    return {(b.device, b.kind): b.mib for b in placement(told).buffers}


# ---- the child protocol ----


def test_a_load_with_a_draft_model_is_told_part_by_part():
    told = [parse_state(line) for line in lines("state-11434-draft")]
    assert told == [
        StateLine("loading", "text_model", 0.0),
        StateLine("loading", "text_model", 1.0),
        StateLine("loading", "spec_model", 0.0),
        StateLine("loading", "spec_model", 0.0),
        StateLine("loading", "spec_model", 1.0),
        StateLine("loading", "spec_model", 1.0),
        StateLine("ready", n_ctx=4096),
    ]


def test_the_embedded_server_speaks_the_same_protocol():
    told = [parse_state(line) for line in lines("state-11434-embedded")]
    assert [(s.state, s.n_ctx) for s in told if s] == [
        ("loading", None),
        ("loading", None),
        ("ready", 4096),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Available devices:",
        "cmd_child_to_router:state:",
        'cmd_child_to_router:state:{"state":"loa',
        'cmd_child_to_router:state:{"state":7}',
        'cmd_child_to_router:info:{"state":"ready"}',
    ],
)
def test_other_lines_and_broken_ones_tell_no_state(line):
    assert parse_state(line) is None


def test_the_projector_announces_itself_in_its_own_way():
    line = 'cmd_child_to_router:state:{"state":"loading","payload":{"stage":"mmproj_model"}}'
    assert parse_state(line) == StateLine("loading", "mmproj_model")


def test_the_log_announces_fitting_before_loading():
    hints = [hint for line in lines("log-11434-shards") if (hint := load_hint(line))]
    assert hints == ["fitting", "loading", "loading", "warming", "listening", "listening"]
    assert [h for line in lines("log-11434-embedded") if (h := load_hint(line))] == hints


# ---- placement ----


def test_keys_and_values_and_recurrent_state_are_both_context():
    told = lines("log-11434-hybrid")
    assert sizes(told) == {
        ("Host", "model"): 3.32,
        ("Host", "output"): 0.0,
        ("Host", "context"): 4.3,
        ("Host", "compute"): 11.66,
    }
    found = placement(told)
    assert (found.layers, found.n_ctx, found.graph_splits, found.warnings) == (5, 4096, 1, [])


def test_the_embedded_server_tells_no_layers():
    found = placement(lines("log-11434-embedded"))
    assert (found.layers, found.n_ctx, found.graph_splits) == (None, 4096, 1)


def test_shards_add_up():
    assert sizes(lines("log-11434-shards"))["Host", "model"] == 2.7


def test_a_draft_model_adds_its_buffers_and_nothing_else():
    told = lines("log-11434-draft")
    drafts = [i for i, line in enumerate(told) if "offloaded" in line][-1]
    told[drafts] = told[drafts].replace("5/5", "1/3")  # here both have 5
    found = placement(told)
    held = {b.kind: b.mib for b in found.buffers}
    assert held == {"model": 16.59, "output": 0.0, "context": 16.0, "compute": 22.04}
    assert (found.layers_offloaded, found.layers) == (5, 5)


def test_fits_trials_are_not_added_up_into_the_real_load():
    told = lines("log-11434-level-5")
    assert sum("model buffer size" in line for line in told) == 2
    assert sizes(told)["Host", "model"] == 2.7
    assert sizes(told)["Host", "compute"] == 9.52


def test_devices_behind_rpc_are_told_by_their_names():
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
    told = lines("log-11434-rpc")
    line = next(line for line in told if "( 1 overflowing)" in line)
    again = told.index(line)
    told[again:again] = [line.replace("( 1", "( 4")]
    assert placement(told).layers_overflowing == 3


def test_an_unknown_rpc_endpoint_keeps_its_buffers_name():
    line = "0.1.1 I load_tensors: RPC0[10.0.0.7:50052] model buffer size =   137.32 MiB"
    assert sizes([line]) == {("RPC0[10.0.0.7:50052]", "model"): 137.32}


def test_the_buffers_of_a_gpu():
    told = [
        "common_params_fit_impl: projected to use 24233 MiB of device memory vs. 142629 MiB of free device memory",
        "common_fit_params: fitting params to free memory took 0.24 seconds",
        "load_tensors: offloaded 33/33 layers to GPU",
        "load_tensors:        CUDA0 model buffer size =  7605.33 MiB",
        "load_tensors:    CUDA_Host model buffer size =   266.16 MiB",
        "llama_kv_cache:      CUDA0 KV buffer size = 16384.00 MiB",
        "sched_reserve:      CUDA0 compute buffer size =   244.01 MiB",
        "sched_reserve: graph: nodes = 1001, splits = 2, input objects = 4, input tensors = 9",
    ]
    assert sizes(told) == {
        ("CUDA0", "model"): 7605.33,
        ("Host", "model"): 266.16,
        ("CUDA0", "context"): 16384.0,
        ("CUDA0", "compute"): 244.01,
    }


def test_a_graph_reserved_anew_replaces_its_buffer_and_a_second_cache_adds_to_it():
    told = [
        "llama_context: constructing llama_context",
        "llama_kv_cache:      CUDA0 KV buffer size =  1024.00 MiB",
        "llama_kv_cache:      CUDA0 KV buffer size =    64.00 MiB",
        "sched_reserve:      CUDA0 compute buffer size =   300.00 MiB",
        "sched_reserve:      CUDA0 compute buffer size =   244.01 MiB",
    ]
    assert sizes(told) == {("CUDA0", "context"): 1088.0, ("CUDA0", "compute"): 244.01}


def test_splits_that_differ_for_prompt_and_generation():
    told = "sched_reserve: graph (pp bs=512, tg bs=1): nodes = 1993 / 1993, splits = 343 / 2, input"
    found = placement([told])
    assert (found.graph_splits, found.graph_splits_tg) == (343, 2)


def test_fits_complaint_is_a_warning():
    assert placement(lines("log-cuda-out-of-memory")).warnings == [
        "failed to fit params to free device memory: n_gpu_layers already set by user to 99, abort"
    ]


# ---- timings ----


def test_requests_are_timed_and_cancelled_ones_leave_nothing_behind():
    """Task 41 was cancelled in the middle: the server prints neither of its two lines."""
    timings = [t for line in lines("log-11434-requests") if (t := parse_timing(line))]
    told = [(t.task, t.kind, t.tokens, t.seconds) for t in timings]
    assert told == [
        (0, "prompt", 24, 0.00215),
        (0, "generation", 40, pytest.approx(0.00937)),
        (1761, "prompt", 1, 0.00075),
        (1761, "generation", 1, 0.0),
    ]


def test_a_time_too_short_to_measure_has_no_speed():
    timings = [t for line in lines("log-11434-requests") if (t := parse_timing(line))]
    assert round(timings[1].speed or 0) == 4269
    assert timings[-1].speed is None


# ---- failures ----


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (
            "log-11434-truncated",
            "error loading model: tensor 'token_embd.weight' data is not within the file bounds, "
            "model is corrupted or incomplete",
        ),
        (
            "log-11434-missing-shard",
            "failed to open GGUF file 'models/split-00002-of-00003.gguf' "
            "(No such file or directory)",
        ),
        (
            "log-11434-missing-file",
            "failed to open GGUF file 'models/nowhere.gguf' (No such file or directory)",
        ),
        ("log-11434-unknown-flag", "error: invalid argument: --no-such-flag"),
        (
            "log-cuda-out-of-memory",
            "allocating 17094.79 MiB on device 0: cudaMalloc failed: out of memory",
        ),
        ("log-11434-requests", ""),
    ],
)
def test_the_reason_of_a_failure(log, reason):
    assert failure_reason(lines(log)) == reason


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (
            [
                "0.03.6 E llama_init_from_model: failed to initialize the context: "
                "failed to allocate buffer for kv cache",
                "0.03.6 E srv  llama_server: exiting due to model loading error",
            ],
            "failed to initialize the context: failed to allocate buffer for kv cache",
        ),
        (
            [
                "0.09.1 E CUDA error: the resource allocation failed",
                "0.09.1 E   current device: 0, in function cublas_handle at common.cuh:1534",
            ],
            "CUDA error: the resource allocation failed",
        ),
        (
            ["ggml.c:1234: GGML_ASSERT(n > 0) failed", "Aborted"],
            "ggml.c:1234: GGML_ASSERT(n > 0) failed",
        ),
        (
            ["0.00.1 E srv  llama_server: exiting due to model loading error"],
            "exiting due to model loading error",
        ),
        ([], ""),
    ],
)
def test_the_reason_where_a_device_gives_up(told, reason):
    assert failure_reason(told) == reason
