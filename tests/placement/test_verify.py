"""Whether a load is as it should be: literal loads, beside their plans and what was before."""

from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.api.placement import (
    Buffer,
    DevicePlan,
    LoadEntry,
    Placement,
    Plan,
    Verdict,
    VerdictState,
)
from paddock.core.model import HOST
from paddock.placement.verify import CAUSES, FINDINGS, Load, Pace, by_device, verdict

GPU, RAM = "0000:00:06.0", HOST
MIB = 10000  # on the GPU


def placement(mib: float = MIB, **changes: Any) -> Placement:
    usual: dict[str, Any] = {
        "buffers": [
            Buffer(device="CUDA0", kind="model", mib=mib - 1000),
            Buffer(device="CUDA0", kind="context", mib=1000),
            Buffer(device="Host", kind="model", mib=500),
        ],
        "layers": 49, "layers_offloaded": 49, "layers_overflowing": 10,
        "graph_splits": 22, "graph_splits_tg": 21, "n_ctx": 32768, "free": {"CUDA0": 11500},
    }  # fmt: skip
    return Placement(**usual | changes)


def load(placed: Placement | None = None, **changes: Any) -> Load:
    usual: dict[str, Any] = {"profile": "m", "fingerprint": "f", "engine_version": "b11434"}
    usual |= {"devices": "nvidia 580: H100"}
    return Load(placement=placed or placement(), **usual | changes)


def plan(**changes: Any) -> Plan:
    gpu = DevicePlan(
        device="CUDA0", id=GPU, model=9000, context=1000, overhead=600, margin=1024,
        available=12100, layers=49, overflowing=10,
    )  # fmt: skip
    usual: dict[str, Any] = {
        "devices": [gpu, DevicePlan(device="Host", id=RAM, model=500, overhead=272)],
        "n_ctx": 32768, "n_ctx_wanted": 131072, "layers": 49, "layers_on_devices": 49,
        "experts_in_ram": 10, "graph_splits": 22,
    }  # fmt: skip
    return Plan(profile="m", source="engine", fits=True, **usual | changes)


def before(placed: Placement | None = None, **changes: Any) -> LoadEntry:
    usual: dict[str, Any] = {"profile": "m", "instance": "m.1", "fingerprint": "f"}
    usual |= {"engine_version": "b11434", "devices": "nvidia 580: H100", "outcome": "ready"}
    return LoadEntry(placement=placed or placement(), **usual | changes)


def judged(
    now: Load | None = None,
    planned: Plan | None = None,
    pace: Pace | None = None,
    last: LoadEntry | None = None,
    best: float | None = None,
    expected: float | None = None,
) -> Verdict:
    comparable = [before(generation=best), before()] if best else []
    return verdict(
        now or load(), planned, pace or Pace(), last=last, comparable=comparable, expected=expected
    )


def codes(found: Verdict) -> list[str]:
    return [reason.code for reason in found.reasons]


GAVE_UP = (
    "failed to fit params to free device memory: n_gpu_layers already set by user to 99, abort"
)
SLOW = Pace((30.0, 10.0, 31.0), (500.0,))

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


def test_in_words():
    assert words("llama.cpp gave up fitting it") == [
        "llama.cpp gave up fitting it: n_gpu_layers already set by user to 99, abort"
    ]
    assert words("a desktop took the memory") == [
        "14 layers lie in part elsewhere, 10 of which must",
        "CUDA0 had 2.4 GiB less free; other programs hold 2.9 GiB (Xorg, firefox)",
    ]
    assert words("another model of ours took the memory") == [
        "40 layers on devices, of 49 that should be",
        "CUDA0 had 2.4 GiB less free: b, c lies there too",
    ]
    assert words("the context was cut further than planned") == [
        "a context of 16384 tokens, of 32768 that there should be"
    ]
    assert words("it is slower than both") == [
        "30.0 tokens/s, SPEED says 36",
        "30.0 tokens/s, 40.0 were measured with the same profile, engine and devices",
    ]
    assert words("a device holds more than planned") == [
        "CUDA0 holds 10.7 GiB, planned were 9.8 GiB"
    ]
    assert words("the context was raised")[1] == "the context is 32768 tokens, it was 8192"
    assert words("others worked beside it")[1] == "others worked on its devices too: b"


# ---- states ----


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
    assert judged().reasons == []


def test_a_log_that_tells_nothing_proves_nothing():
    found = judged(load(Placement()), plan(devices=[]))
    assert (found.placement, found.state) == ("unknown", "unknown")


def test_slow_is_degraded_wherever_it_lies():
    found = judged(load(), pace=SLOW, expected=40.0)
    assert (found.placement, found.speed, found.state) == ("unknown", "degraded", "degraded")


def test_a_last_load_whose_place_is_unknown_is_no_measure():
    last = msgspec.structs.replace(before(), placement=None)
    assert judged(last=last).state == "unknown"
    assert judged(last=before()).state == "verified"


def test_medians_are_told_rounded():
    found = judged(load(), plan(), Pace((10.04, 30.06, 31.0), (500.0, 501.0)), expected=33.333)
    assert (found.generation, found.prompt, found.expected_generation) == (30.1, 500.5, 33.3)
    assert found.samples == 3


def test_causes_are_told_only_where_something_is_wrong():
    """Less memory, another engine, heat: no matter while it lies and runs as it should."""
    found = judged(
        load(placement(free={"CUDA0": 1000}), foreign={"CUDA0": (9000, "vlc")}),
        plan(),
        Pace((40.0,), throttled=frozenset({"thermal", "power"}), pages_swapped_in=9, was_shared=True),
        last=before(engine_version="b1"),
        best=40.0,
    )  # fmt: skip
    assert (found.state, found.reasons) == ("verified", [])


# ---- how much may differ ----


@pytest.mark.parametrize(("mib", "differs"), [(10500, False), (10501, True), (9500, False), (9499, True)])  # fmt: skip
def test_a_device_may_differ_by_five_percent(mib: int, differs: bool):
    assert (codes(judged(load(placement(mib=mib)), plan())) == ["placement-differs"]) == differs


@pytest.mark.parametrize(("mib", "differs"), [(116, False), (117, True), (84, False), (83, True)])
def test_a_small_device_may_differ_by_16_mib(mib: int, differs: bool):
    small = DevicePlan(device="Host", id=RAM, model=100)
    buffer = Buffer(device="Host", kind="model", mib=mib)
    placed = placement(buffers=[buffer], layers_overflowing=None)
    found = judged(load(placed), plan(devices=[small]))
    assert (codes(found) == ["placement-differs"]) == differs


def test_what_is_planned_for_a_projector_is_missed_nowhere():
    """llama-server does not tell where it puts one."""
    assert judged(load(placement(mib=9000), has_projector=True), plan()).state == "verified"
    found = judged(load(placement(mib=10600), has_projector=True), plan())
    assert codes(found) == ["placement-differs"]


@pytest.mark.parametrize(("speed", "slow"), [(34.0, False), (33.9, True)])
def test_15_percent_slower_is_slow(speed: float, slow: bool):
    assert (judged(load(), plan(), Pace((speed,)), best=40.0).speed == "degraded") == slow
    assert (judged(load(), plan(), Pace((speed,)), expected=40.0).speed == "degraded") == slow


@pytest.mark.parametrize(("n_ctx", "smaller"), [(32768, False), (31130, False), (31129, True)])
def test_a_context_that_is_left_open_may_be_five_percent_smaller(n_ctx: int, smaller: bool):
    """As much as a desktop takes from one minute to the next."""
    found = judged(load(placement(n_ctx=n_ctx)), plan())
    assert (codes(found) == ["context-smaller"]) == smaller


def test_of_slots_with_caches_of_their_own_each_has_its_part_of_the_context():
    assert judged(load(placement(n_ctx=8192), streams=4), plan()).state == "verified"
    found = judged(load(placement(n_ctx=4096), streams=4), plan())
    assert found.reasons[0].message == "a context of 4096 tokens, of 8192 that there should be"


def test_a_context_that_was_asked_for_is_never_cut():
    """A slot has no more than the model was trained for, however much is asked for."""
    found = judged(load(placement(n_ctx=32768), ctx_asked=65536), plan(n_ctx=65536))
    assert found.state == "verified"


@pytest.mark.parametrize(("free", "tells"), [(11244, True), (11245, False)])
def test_256_mib_of_missing_memory_are_worth_telling(free: int, tells: bool):
    """11,500 MiB were planned for: what there is, less the driver's context."""
    found = judged(load(placement(layers_overflowing=11, free={"CUDA0": free})), plan())
    assert ("foreign-memory" in codes(found)) == tells


def test_the_more_that_was_ever_free_counts():
    placed = placement(layers_overflowing=11, free={"CUDA0": 11500})
    roomy = before(placement(free={"CUDA0": 14000}))
    found = judged(load(placed), plan(), last=roomy)
    assert found.reasons[1].message == "CUDA0 had 2.4 GiB less free; other programs hold 0 MiB"


def test_where_the_last_context_is_unknown_nothing_is_said_of_it():
    found = judged(load(placement(graph_splits=30)), last=before(placement(n_ctx=None)))
    assert codes(found) == ["more-splits"]


def test_of_two_devices_each_has_its_cause():
    placed = placement(layers_overflowing=14, free={"CUDA0": 9000, "CUDA1": 2000})
    last = before(placement(free={"CUDA0": 11500, "CUDA1": 4000}))
    assert codes(judged(load(placed), last=last)) == ["more-in-ram", "foreign-memory", "foreign-memory"]  # fmt: skip


# ---- whatever the load ----

mib = st.floats(0, 200_000).map(lambda n: round(n, 2))
counts = st.none() | st.integers(0, 100)
names = st.sampled_from(["CUDA0", "CUDA1", "RPC0", "Host"])
kinds = st.sampled_from(["model", "context", "compute"])
buffers = st.lists(
    st.builds(Buffer, device=names, kind=kinds, mib=mib),
    min_size=1,
    unique_by=lambda buffer: (buffer.device, buffer.kind),
)
placements = st.builds(
    Placement,
    buffers=buffers,
    layers=st.just(100),
    layers_offloaded=counts,
    layers_overflowing=counts,
    graph_splits=counts,
    n_ctx=st.none() | st.integers(1, 200_000),
    free=st.dictionaries(names, st.integers(0, 200_000)),
)
paces = st.builds(
    Pace,
    generation=st.lists(st.floats(0.1, 1000)),
    throttled=st.frozensets(st.sampled_from(["thermal", "power", "hardware"])),
    pages_swapped_in=st.integers(0, 9),
    was_shared=st.booleans(),
)
speeds = st.none() | st.floats(0.1, 1000)


def planned(placed: Placement) -> Plan:
    """The plan that this placement keeps to."""
    devices = [
        DevicePlan(device=name, id=name, model=round(held), available=placed.free.get(name))
        for name, held in by_device(placed).items()
    ]
    if devices:
        devices[0].overflowing = placed.layers_overflowing or 0
    return plan(
        devices=devices,
        n_ctx=placed.n_ctx,
        layers_on_devices=placed.layers_offloaded,
        graph_splits=placed.graph_splits,
    )


@given(placements)
def test_a_load_equal_to_its_plan_and_to_its_last_is_verified(placed: Placement):
    found = judged(load(placed), planned(placed), last=before(placed))
    assert (found.state, found.reasons) == ("verified", [])


@given(placements, placements, placements, paces, speeds, speeds)
def test_nothing_is_found_twice_and_nothing_unheard_of(
    now: Placement,
    meant: Placement,
    last: Placement,
    pace: Pace,
    best: float | None,
    expected: float | None,
):
    found = judged(load(now), planned(meant), pace, before(last), best, expected)
    assert {*codes(found)} <= {*FINDINGS, *CAUSES}
    said = Counter((reason.code, reason.message) for reason in found.reasons)
    assert max(said.values(), default=1) == 1
    alone = Counter(codes(found))
    assert all(n == 1 for code, n in alone.items() if code not in PER_DEVICE)
    assert (found.state == "degraded") == bool({*codes(found)} & {*FINDINGS})


PER_DEVICE = {"placement-differs", "foreign-memory", "shared-memory"}
