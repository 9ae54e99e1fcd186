"""What the server's lines mean: on lines that real servers printed.

`log-11434-*.txt` and `state-11434-*.txt` were written by build 11434 on a CPU, with RPC devices in
`-rpc`; lines that tell nothing were taken out. The CUDA lines were printed on an H200.
"""

from pathlib import Path

import pytest

from paddock.llama.output import (
    StateLine,
    TaskLine,
    failure_reason,
    lacked_memory,
    load_hint,
    parse_state,
    parse_task,
    parse_timing,
    unloadable,
)

HERE = Path(__file__).parent


def lines(name: str) -> list[str]:
    return (HERE / f"{name}.txt").read_text(encoding="utf-8").splitlines()


# ---- the child protocol ----


def test_a_load_with_a_draft_model_is_reported_part_by_part():
    parsed = [parse_state(line) for line in lines("state-11434-draft")]
    assert parsed == [
        StateLine("loading", "text_model", 0.0),
        StateLine("loading", "text_model", 1.0),
        StateLine("loading", "spec_model", 0.0),
        StateLine("loading", "spec_model", 0.0),
        StateLine("loading", "spec_model", 1.0),
        StateLine("loading", "spec_model", 1.0),
        StateLine("ready", n_ctx=4096),
    ]


def test_the_embedded_server_speaks_the_same_protocol():
    parsed = [parse_state(line) for line in lines("state-11434-embedded")]
    assert [(s.state, s.n_ctx) for s in parsed if s] == [
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
    loading, warming, listening = (["loading"] * 2, ["warming"] * 2, ["listening"] * 2)
    assert hints == ["fitting", *loading, *warming, *listening]
    assert [h for line in lines("log-11434-embedded") if (h := load_hint(line))] == hints


# ---- timings ----


def test_requests_are_timed_and_cancelled_ones_leave_nothing_behind():
    """Task 41 was cancelled in the middle: the server prints neither of its two lines."""
    timings = [t for line in lines("log-11434-requests") if (t := parse_timing(line))]
    parsed = [(t.task, t.kind, t.tokens, t.seconds) for t in timings]
    assert parsed == [
        (0, "prompt", 24, 0.00215),
        (0, "generation", 40, pytest.approx(0.00937)),
        (1761, "prompt", 1, 0.00075),
        (1761, "generation", 1, 0.0),
    ]


def test_a_time_too_short_to_measure_has_no_speed():
    timings = [t for line in lines("log-11434-requests") if (t := parse_timing(line))]
    assert round(timings[1].speed or 0) == 4269
    assert timings[-1].speed is None


# ---- tasks ----


def test_a_task_is_followed_from_its_launch_to_its_release():
    """A long prompt (task 0) and a long answer (task 17), both cancelled."""
    parsed = [t for line in lines("log-11434-tasks") if (t := parse_task(line))]
    assert parsed == [
        TaskLine(0, "launched", 18001),
        TaskLine(0, "reading", 0),
        TaskLine(0, "reading", 256),
        TaskLine(0, "reading", 1767, 561.8),
        TaskLine(0, "reading", 1767),
        TaskLine(0, "released"),
        TaskLine(17, "launched", 5),
        TaskLine(17, "reading", 0),
        TaskLine(17, "generating", 484, 161.08),
        TaskLine(17, "generating", 790, 101.73),
        TaskLine(17, "released"),
    ]


def test_short_requests_report_their_tasks_too_and_the_idle_slot_reports_none():
    parsed = [t for line in lines("log-11434-requests") if (t := parse_task(line))]
    assert [t.task for t in parsed if t.kind == "launched"] == [0, 41, 1761]
    assert [t.task for t in parsed if t.kind == "released"] == [0, 41, 1761]
    assert not any(parse_task(line) for line in lines("log-11434-level-5") if "task -1" in line)


def test_a_build_that_reports_no_speed_of_the_last_seconds_gives_the_mean():
    line = "0.1 I slot print_timing: id  0 | task 9 | n_gen =   1582, tg = 526.95 t/s"
    assert parse_task(line) == TaskLine(9, "generating", 1582, 526.95)


# ---- failures ----


def test_memory_that_was_refused_is_distinguished_from_other_ends():
    refused = "0.1 E ggml_gallocr_reserve_n_impl: failed to allocate RPC0[127.0.0.1:1] buffer of size 213573632"
    assert lacked_memory(lines("log-cuda-out-of-memory"))
    assert lacked_memory([refused])
    for log in ("log-11434-truncated", "log-11434-missing-file", "log-11434-unknown-flag"):
        assert not lacked_memory(lines(log))


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
    ("parsed", "reason"),
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
def test_the_reason_where_a_device_gives_up(parsed, reason):
    assert failure_reason(parsed) == reason


# ---- what a file is to blame for ----

REFUSED = "E llama_model_load: error loading model: {}"


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (
            "log-11434-truncated",
            "error loading model: tensor 'token_embd.weight' data is not within the file bounds, "
            "model is corrupted or incomplete",
        ),
        ("log-11434-missing-file", ""),  # it may be there in a moment
        ("log-11434-unknown-flag", ""),  # no word of a file
        ("log-cuda-out-of-memory", ""),
        ("log-11434-level-5", ""),  # it loads
    ],
)
def test_a_file_is_to_blame_where_llama_cpp_says_so(log: str, reason: str):
    assert unloadable(lines(log)) == reason


@pytest.mark.parametrize(
    "cause",
    [
        "unable to allocate CUDA0 buffer",
        "failed to allocate compute buffers",
        "std::bad_alloc",
        "mmap failed: Cannot allocate memory",
        "failed to open m.gguf: Permission denied",
        "failed to open m.gguf: Too many open files",
        "read error: Input/output error",
        "Remote RPC server crashed or returned malformed response",
    ],
)
def test_what_may_pass_by_itself_is_held_against_no_file(cause: str):
    assert unloadable([f"0.00.004 {REFUSED.format(cause)}"]) == ""


def test_a_word_in_a_files_name_excuses_nothing():
    """And fit's own line is always about memory."""
    said = [
        "0.00.005 E llama_model_load: error loading model: invalid split file name: /m/chip-cudafied.gguf",
        "0.00.005 E common_fit_params: encountered an error while trying to fit params to free device memory: failed to load model",
    ]
    assert unloadable(said).endswith("invalid split file name: /m/chip-cudafied.gguf")


def test_the_wheels_own_words_are_never_the_reason_where_there_is_another():
    said = [
        "error: Failed to init server, please check the input params.",
        "0.00.005 E gguf_init_from_reader: bad GGUF version: 0",
    ]
    assert failure_reason(said) == "bad GGUF version: 0"
