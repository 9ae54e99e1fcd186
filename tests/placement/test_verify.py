"""Whether a load is as it should be: literal loads, beside their plans and what was before."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from paddock.api.placement import (
    Buffer,
    Placement,
    Plan,
    Verdict,
    VerdictState,
)
from paddock.placement.verify import FINDINGS, _partly_elsewhere, verdict
from paddock.placement.verify_causes import CAUSES
from paddock.placement.verify_load import Pace
from tests.placement.verified import before, codes, judged, load, placement, plan

GAVE_UP = (
    "failed to fit params to free device memory: n_gpu_layers already set by user to 99, abort"
)
SLOW = Pace((30.0, 10.0, 31.0), (500.0,))


def on(device: str, **changes: Any) -> Placement:
    """All of it on this device."""
    buffers = [Buffer(device=device, kind="model", mib=9000)]
    usual: dict[str, Any] = {"buffers": buffers, "free": {}, "layers_overflowing": None}
    return placement(**usual | changes)


# What happened, and all that is said of it.
HISTORIES: dict[str, tuple[Verdict, list[str]]] = {
    "llama.cpp gave up fitting it": (
        judged(load(placement(warnings=[GAVE_UP])), plan()),
        ["fit-gave-up"],
    ),
    "fewer layers lie on devices than planned": (
        judged(load(placement(layers_offloaded=40)), plan()),
        ["more-in-ram"],
    ),
    "fewer layers lie on devices than before": (
        judged(load(placement(layers_offloaded=40)), last=before()),
        ["more-in-ram"],
    ),
    "more experts overflow than planned": (
        judged(load(placement(layers_overflowing=14)), plan()),
        ["more-in-ram"],
    ),
    "experts overflow of which none did before": (
        judged(load(), last=before(placement(layers_overflowing=None))),
        ["more-in-ram"],
    ),
    "a device refuses weights, as planned": (
        judged(load(), plan(refused_mib=1200, refused="output.weight (q6_K) and 8 others")),
        ["weights-refused"],
    ),
    "what was chosen is not there": (
        judged(load(unmatched_choice="CUDA_VISIBLE_DEVICES=7 matches no device"), plan()),
        ["choice-unmatched"],
    ),
    "more was placed on a device than it has": (
        judged(load(overcommitted="9.0 GiB were placed on CUDA0, which had 4.4 GiB"), plan()),
        ["gpu-overcommitted"],
    ),
    "the context was cut further than planned": (
        judged(load(placement(n_ctx=16384)), plan()),
        ["context-smaller"],
    ),
    "the graph is in more pieces than planned": (
        judged(load(placement(graph_splits=30)), plan()),
        ["more-splits"],
    ),
    "the graph is in more pieces than before": (
        judged(load(), last=before(placement(graph_splits=2))),
        ["more-splits"],
    ),
    "a device holds more than planned": (
        judged(load(placement(mib=11000)), plan()),
        ["placement-differs"],
    ),
    "it is slower than its owner said": (
        judged(load(), plan(), SLOW, expected=40.0),
        ["slower-than-expected"],
    ),
    "it is slower than it was": (judged(load(), plan(), SLOW, best=40.0), ["slower-than-best"]),
    "it is slower than both": (
        judged(load(), plan(), SLOW, best=40.0, expected=36.0),
        ["slower-than-expected", "slower-than-best"],
    ),
    "a desktop took the memory": (
        judged(
            load(
                placement(layers_overflowing=14, free={"CUDA0": 9000}),
                foreign={"CUDA0": (3000, "Xorg, firefox")},
            ),
            plan(),
        ),
        ["more-in-ram", "foreign-memory"],
    ),
    "somebody took the memory since the last load": (
        judged(load(placement(layers_overflowing=14, free={"CUDA0": 9000})), last=before()),
        ["more-in-ram", "foreign-memory"],
    ),
    "another model of ours took the memory": (
        judged(
            load(placement(layers_offloaded=40, free={"CUDA0": 9000}), beside={"CUDA0": "b, c"}),
            plan(),
        ),
        ["more-in-ram", "shared-memory"],
    ),
    "engine, flags and driver are others than before": (
        judged(
            load(placement(graph_splits=24)),
            last=before(engine_version="b11000", fingerprint="g", devices="nvidia 570: H100"),
        ),
        ["more-splits", "engine-changed", "profile-changed", "devices-changed"],
    ),
    "the same version computes with other backends than before": (
        judged(load(on("Vulkan0")), plan(devices=[]), SLOW, before(on("Host")), expected=40.0),
        ["slower-than-expected", "engine-changed"],
    ),
    "the context was raised": (
        judged(load(placement(layers_overflowing=14)), last=before(placement(n_ctx=8192))),
        ["more-in-ram", "context-grown"],
    ),
    "its GPU is too hot": (
        judged(load(), plan(), Pace((30.0,), throttled=frozenset({"thermal"})), best=40.0),
        ["slower-than-best", "thermal-limit"],
    ),
    "its GPU may not draw more": (
        judged(load(), plan(), Pace((30.0,), throttled=frozenset({"power"})), best=40.0),
        ["slower-than-best", "power-limit"],
    ),
    "its GPU is held down by its board": (
        judged(
            load(), plan(), Pace((30.0,), throttled=frozenset({"hardware", "power"})), best=40.0
        ),
        ["slower-than-best", "power-limit"],
    ),
    "the machine swaps": (
        judged(load(), plan(), Pace((30.0,), pages_swapped_in=12), best=40.0),
        ["slower-than-best", "swapping"],
    ),
    "others worked beside it": (
        judged(load(beside={"CUDA0": "b"}), plan(), Pace((30.0,), was_shared=True), best=40.0),
        ["slower-than-best", "device-shared"],
    ),
}


@pytest.mark.parametrize(("found", "expected"), HISTORIES.values(), ids=HISTORIES)
def test_of_what_happened_this_is_said(found: Verdict, expected: list[str]):
    assert codes(found) == expected
    assert found.state == "degraded"
    assert all(reason.message for reason in found.reasons)


def test_everything_that_can_be_said_is_said_of_some_history():
    said = {code for found, _ in HISTORIES.values() for code in codes(found)}
    assert said == {*FINDINGS, *CAUSES}


def test_findings_come_with_what_to_do():
    for found, _ in HISTORIES.values():
        assert all(reason.hint for reason in found.reasons if reason.code in FINDINGS)


# ---- in these words ----


def words(history: str) -> list[str]:
    return [reason.message for reason in HISTORIES[history][0].reasons]


@pytest.mark.parametrize(
    ("now", "least", "text"),
    [
        (1, 0, "1 layer is partly in other memory; none needs to be"),
        (2, 1, "2 layers are partly in other memory; only 1 needs to be"),
        (14, 10, "14 layers are partly in other memory; only 10 need to be"),
    ],
)
def test_one_layer_is_and_two_are(now: int, least: int, text: str):
    assert _partly_elsewhere(now, least) == text


def test_in_words():
    assert words("llama.cpp gave up fitting it") == [
        "llama.cpp gave up fitting it: n_gpu_layers already set by user to 99, abort"
    ]
    assert words("a desktop took the memory") == [
        "14 layers are partly in other memory; only 10 need to be",
        "CUDA0 had 2.4 GiB less free memory; other programs hold 2.9 GiB (Xorg, firefox)",
    ]
    assert words("another model of ours took the memory") == [
        "40 layers on devices instead of 49",
        "CUDA0 had 2.4 GiB less free memory: b, c are loaded there too",
    ]
    assert words("the context was cut further than planned") == [
        "the context is 16384 tokens instead of 32768"
    ]
    assert words("it is slower than both") == [
        "30.0 tokens/s, SPEED says 36",
        "30.0 tokens/s, 40.0 were measured with the same profile, engine and devices",
    ]
    assert words("a device holds more than planned") == [
        "CUDA0 holds 10.7 GiB instead of the planned 9.8 GiB"
    ]
    assert words("the same version computes with other backends than before")[1] == (
        "the engine is b11434 with Vulkan, it was b11434 with the processor alone"
    )
    assert words("the context was raised")[1] == "the context is 32768 tokens, it was 8192"
    assert words("others worked beside it")[1] == "others worked on its devices too: b"


# ---- states ----


@pytest.mark.parametrize("planned", [plan(devices=[], graph_splits=2), None])
def test_what_another_backend_did_is_no_measure(planned: Plan | None):
    """From the processor to Vulkan: one split more, and layers that the processor never counts."""
    now = load(on("Vulkan0", graph_splits=2))
    then = before(on("Host", graph_splits=1, layers_offloaded=99), generation=90.0)
    found = verdict(now, planned, SLOW, last=then, comparable=[then], expected=None)
    assert (found.state, found.speed) == ("verified" if planned else "unknown", "unknown")


@pytest.mark.parametrize(
    ("pace", "goal", "where", "how", "state"),
    [
        ((), None, "verified", "unknown", "verified"),
        ((), 40.0, "verified", "unknown", "verified"),
        ((40.0,), None, "verified", "unknown", "verified"),
        ((40.0,), 40.0, "verified", "verified", "verified"),
        ((50.0,), 40.0, "verified", "verified", "verified"),
        ((20.0,), 40.0, "verified", "degraded", "degraded"),
    ],
)
def test_a_load_as_planned_is_verified_unless_it_is_slow(
    pace: tuple[float, ...], goal: float | None, where: VerdictState, how: VerdictState, state: VerdictState
):  # fmt: skip
    found = judged(load(), plan(), Pace(pace), best=goal)
    assert (found.placement, found.speed, found.state) == (where, how, state)
    assert found.expected_generation == goal


def test_without_plan_and_history_nobody_knows_where_it_should_lie():
    found = judged(load(), pace=Pace((40.0,)), expected=40.0)
    assert (found.placement, found.speed, found.state) == ("unknown", "verified", "unknown")
    assert codes(found) == ["nothing-to-compare"]
    assert "`paddock plan` makes one" in found.reasons[0].hint
    found = judged(replace(load(), is_tensor_parallel=True))
    assert codes(found) == ["nothing-to-compare"]
    assert "SPLIT_MODE = tensor" in found.reasons[0].message
    assert "paddock plan" not in found.reasons[0].hint, "no engine would make it"


def test_a_log_that_reports_nothing_proves_nothing():
    found = judged(load(Placement()), plan(devices=[]))
    assert (found.placement, found.state) == ("unknown", "unknown")
    assert codes(found) == ["nothing-logged"]


def test_slow_is_degraded_wherever_it_lies():
    found = judged(load(), pace=SLOW, expected=40.0)
    assert (found.placement, found.speed, found.state) == ("unknown", "degraded", "degraded")


def test_a_last_load_whose_place_is_unknown_is_no_measure():
    last = msgspec.structs.replace(before(), placement=None)
    assert judged(last=last).state == "unknown"
    assert judged(last=before()).state == "verified"


def test_medians_are_rounded():
    found = judged(load(), plan(), Pace((10.04, 30.06, 31.0), (500.0, 501.0)), expected=33.333)
    assert (found.generation, found.prompt, found.expected_generation) == (30.1, 500.5, 33.3)
    assert found.samples == 3


@pytest.mark.parametrize("speed", [6.2, 40.0])
def test_a_speed_taken_while_others_had_the_cpu_is_neither_verified_nor_slow(speed: float):
    found = judged(load(), plan(), Pace((speed,), was_starved=True), best=40.0, expected=40.0)
    assert (found.state, found.placement, found.speed) == ("unknown", "verified", "unknown")
    assert codes(found) == ["machine-busy"]
    elsewhere = judged(
        load(placement(layers_overflowing=14)), plan(), Pace((6.2,), was_starved=True)
    )
    assert (elsewhere.state, codes(elsewhere)) == ("degraded", ["more-in-ram", "machine-busy"])
