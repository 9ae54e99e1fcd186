"""What screens show of a view: words, rows, lines, and bars that are exactly as wide as asked for."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as with_fields

from paddock.api.activity import Totals
from paddock.api.events import Activity, Snapshot
from paddock.api.nodes import NodeInfo
from paddock.api.placement import Buffer, Placement, Speed, Verdict
from paddock.api.types import (
    ConfigInfo,
    DeviceInfo,
    Failure,
    FaultInfo,
    ForeignUse,
    ProfileInfo,
    Progress,
    VariantInfo,
)
from paddock.tui import paint, reading
from paddock.tui.bars import cells, device_bar, device_bars, facts, short_name
from paddock.tui.marks import LINKS, NOTICES, STATES, VERDICTS
from paddock.tui.notices import not_applied
from paddock.tui.problems import warnings
from paddock.tui.reducer import lost, reduce
from paddock.tui.state import Switch, View
from tests.tui import histories
from tests.tui.inhabitants import VERIFIED
from tests.tui.machine import BENCH, CLOCK, GLM, MISTRAL, OSS, QWEN, cuda0
from tests.tui.tale import Tale, end_of, progress, request, seen, with_glm


def rows(story) -> dict[str, reading.ModelRow]:
    events = story()
    return {row.id: row for row in reading.model_rows(seen(events), end_of(events))}


def model(**more) -> ProfileInfo:
    return ProfileInfo(id="m", state="unloaded", **more)


# ---- marks ----


@pytest.mark.parametrize("marks", [STATES, VERDICTS, LINKS, NOTICES])
def test_no_two_marks_differ_by_their_colour_alone(marks) -> None:
    assert len({mark.symbol for mark in marks.values()}) == len(marks)
    assert len({mark.word for mark in marks.values()}) == len(marks)
    assert all(len(mark.symbol) == 1 for mark in marks.values())


# ---- models ----


def test_a_model_in_one_line() -> None:
    row = rows(histories.idle)[GLM]
    assert (str(row.state), str(row.verdict)) == ("● ready", "✓ verified")
    assert (row.size, row.context, row.speed) == ("17.0 GiB", "128k", "105 / ~112 t/s")
    assert (row.last_used, row.is_current, row.note) == ("3 min ago", True, "")


def test_what_a_model_does_just_now_is_noted() -> None:
    assert rows(histories.loading)[QWEN].note == "43 %, 1 waiting"
    assert rows(histories.failing)[OSS].note == "exited with code 1: out of memory"
    assert rows(histories.busy)[QWEN].note == "draining glm-flash-q4, 1 waiting"
    assert rows(histories.busy)[GLM].last_used == "now"
    retried = Tale().tell(*histories.failing())
    retried.tell(progress("oss", "memory", 1.0, GLM))
    view = seen(retried.events)
    note = {row.id: row.note for row in reading.model_rows(view, end_of(retried.events))}[OSS]
    assert note == "waiting for memory of glm-flash-q4", "the old failure is no longer shown"


def test_benchmarks_come_last_and_hidden_profiles_only_if_loaded() -> None:
    profiles = [
        model(bench=True),
        ProfileInfo(id="h", state="unloaded", hidden=True),
        ProfileInfo(id="live", state="ready", hidden=True),
        ProfileInfo(id="plain", state="unloaded"),
    ]
    view = View(models=tuple(profiles))
    assert [row.id for row in reading.model_rows(view, 0.0)] == ["live", "plain", "m"]
    assert rows(histories.idle)[BENCH].is_bench


@pytest.mark.parametrize(
    ("profile", "variant", "shown"),
    [
        ({}, {}, {"m": False, "v": False}),
        ({}, {"bench": True}, {"m": False, "v": True}),
        ({}, {"hidden": True}, {"m": False}),
        ({}, {"bench": True, "hidden": True}, {"m": False}),
        ({"bench": True}, {}, {"m": True, "v": False}),
        ({"bench": True}, {"bench": True}, {"m": True, "v": True}),
        ({"hidden": True}, {}, {"v": False}),
        ({"hidden": True}, {"hidden": True}, {}),
        ({"hidden": True, "bench": True}, {"bench": True}, {"v": True}),
    ],
)
def test_a_variant_is_hidden_and_folded_by_its_own_section_alone(profile, variant, shown) -> None:
    view = View(
        models=(model(**profile),), variants=(VariantInfo(id="v", variant_of="m", **variant),)
    )
    assert {row.id: row.is_bench for row in reading.model_rows(view, 0.0)} == shown


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        (model(), ""),
        (model(speed_text="fast"), "fast"),
        (model(speed_text="~112 t/s", expected_speed=112.0), "~112 t/s"),
        (model(speed=Speed(generation=36.94)), "36.9 t/s"),
        (model(speed=Speed(prompt=900.0), expected_speed=3.5), "~3.5 t/s"),
        (model(speed=Speed(generation=105.3), expected_speed=112.0), "105 / ~112 t/s"),
    ],
)
def test_measured_speed_stands_beside_what_is_promised(profile: ProfileInfo, said: str) -> None:
    assert reading.speeds(profile) == said


def test_the_context_is_what_was_loaded_not_what_was_asked_for() -> None:
    view = seen(histories.two_resident())
    found = {row.id: row.context for row in reading.model_rows(view, 0.0)}
    assert (found[MISTRAL], found[QWEN]) == ("32k", "64k")


def test_ages_are_reported_by_the_daemons_clock() -> None:
    """The dashboard may run on another machine whose time of day is wrong."""
    events = histories.idle()
    view = seen(events)
    assert {r.last_used for r in reading.model_rows(view, end_of(events) + 3600)} == {
        "1 h ago",
        "",
    }
    unknown = model(last_used="2026-11-25T20:00:00Z")
    assert reading.last_used(View(), unknown, 0.0) == ""


def test_a_verdict_in_words() -> None:
    assert reading.verdict_text(VERIFIED) == "verified"
    assert reading.verdict_text(histories.DEGRADED) == "degraded: 33 graph splits instead of 5"
    assert reading.verdict_text(Verdict(state="degraded")) == "degraded"


# ---- bars ----


def test_the_bar_of_a_card_shows_whose_memory_it_is() -> None:
    card, display, ram = device_bars(seen(histories.two_resident()), 48)
    assert [(s.kind, s.label, s.cells) for s in card.segments] == [
        ("instance", GLM, 42),
        ("foreign", "driver", 1),
        ("margin", "margin", 2),
        ("free", "free", 3),
    ]
    assert (card.name, card.total, card.free) == ("CUDA0", "24.0 GiB", "2.3 GiB")
    assert display.legend == "mistral-small 13.1 GiB · firefox, Xorg 1.4 GiB"
    assert display.facts.startswith("97 %, 63 °C, 148 of 165 W, ")
    assert {s.label: s.number for s in ram.segments if s.kind == "instance"} == {GLM: 0, MISTRAL: 1}


def test_the_margin_is_never_more_than_what_is_free() -> None:
    view = seen(histories.degraded())
    tight = with_fields(view.devices[0], free_mib=300)
    assert [(s.kind, s.mib) for s in device_bar(view, tight, 40).segments][-1] == ("margin", 300)


def test_the_share_of_an_instance_that_has_just_gone_keeps_its_name() -> None:
    bar = device_bar(View(), cuda0(glm=20000), 40)
    assert bar.segments[0].label == GLM


@pytest.mark.parametrize(
    ("device", "legend"),
    [
        ({}, "unknown"),
        ({"used_mib": {"a.1": 2048}}, "a 2.0 GiB"),
        ({"total_mib": 8192}, ""),
        ({"total_mib": 8192, "booked_mib": {"a.1": 2048}}, "a 2.0 GiB"),
        (
            {"total_mib": 8192, "free_mib": 1024, "foreign": [ForeignUse(pid=1, name="x", mib=10)]},
            "others 7.0 GiB",
        ),
    ],
)
def test_what_nobody_reports_is_not_made_up(device, legend: str) -> None:
    bar = device_bar(View(), DeviceInfo(name="RPC0", kind="gpu", **device), 20)
    assert bar.legend == legend
    assert sum(segment.cells for segment in bar.segments) == 20


def test_a_card_that_works_hard_says_so() -> None:
    device = DeviceInfo(
        name="CUDA0", kind="gpu", utilization=1.0, power_w=449.6, throttled=["power", "thermal"]
    )
    assert reading.device_bar(View(), device, 9).facts == "100 %, 450 W, power limit, thermal limit"
    ram = DeviceInfo(name="Host", kind="host", swap_used_mib=2048)
    assert reading.device_bar(View(), ram, 9).facts == "swap 2.0 GiB"


amounts = st.lists(st.integers(0, 1 << 22) | st.floats(0, 1e7), max_size=8)


@given(amounts, st.integers(0, 300))
def test_cells_always_sum_to_the_width_and_are_never_a_cell_off(parts, width: int) -> None:
    counts = cells(parts, width)
    assert sum(counts) == (width if parts else 0)
    assert all(count >= 0 for count in counts)
    if whole := sum(parts):
        for part, count in zip(parts, counts, strict=True):
            assert abs(count - part / whole * width) < 1 + 1e-6


mibs = st.none() | st.integers(0, 1 << 20)
shares = st.dictionaries(
    st.sampled_from([f"{GLM}.1", f"{MISTRAL}.2", "x.9"]), st.integers(0, 1 << 19)
)


@given(mibs, mibs, mibs, shares, shares, st.integers(1, 200))
def test_a_bar_is_as_wide_as_asked_for_whatever_a_driver_reports(
    total, free, foreign, used, booked, width: int
) -> None:
    device = DeviceInfo(
        name="CUDA0",
        kind="gpu",
        total_mib=total,
        free_mib=free,
        foreign_mib=foreign,
        used_mib=used,
        booked_mib=booked,
    )
    bar = device_bar(seen(histories.two_resident()), device, width)
    assert sum(segment.cells for segment in bar.segments) == width


# ---- switches ----


def test_a_load_in_one_line() -> None:
    events = histories.loading()
    [line] = reading.switch_lines(seen(events), end_of(events))
    assert line.text == (
        "qwen-coder-30b: loading text model, 43 %, 7.4 GiB of 17.2 GiB, 2.0 GB/s, 7.9 s, "
        "about 7 s left"
    )
    [later] = reading.switch_lines(seen(events), end_of(events) + 2)
    assert (later.elapsed, later.left) == ("9.9 s", "about 5 s left")
    [late] = reading.switch_lines(seen(events), end_of(events) + 60)
    assert late.left == "", "what is overdue is not promised"


def test_a_failure_in_one_line() -> None:
    events = histories.failing()
    [line] = reading.switch_lines(seen(events), end_of(events) + 100)
    assert line.text == (
        "gpt-oss-120b failed after 5.2 s: exited with code 1: out of memory; glm-flash-q4 comes back"
    )
    assert line.hint == "`paddock logs gpt-oss-120b.2` shows all of it"
    assert len(line.log) == 4
    assert (line.fraction, line.rate, line.left) == (None, "", "")


def test_those_under_way_stand_before_those_that_failed() -> None:
    tale = Tale().tell(*histories.failing()).tell(progress("qwen", "queued", 0.0))
    view = seen(tale.events)
    assert [line.profile for line in reading.switch_lines(view, 0.0)] == [QWEN, OSS]


@pytest.mark.parametrize(
    ("progress", "said", "fraction"),
    [
        (Progress(stage="queued"), "waiting for its turn", None),
        (Progress(stage="draining", part="a"), "draining a", None),
        (Progress(stage="stopping", part="a, b"), "stopping a, b", None),
        (Progress(stage="saving", part="a"), "saving the context of a", None),
        (Progress(stage="memory"), "waiting for memory", None),
        (Progress(stage="memory", part="a"), "waiting for memory of a", None),
        (Progress(stage="starting"), "starting", None),
        (Progress(stage="fitting"), "fitting", None),
        (Progress(stage="loading"), "loading", None),
        (
            Progress(stage="loading", part="text_model", fraction=0.25),
            "loading text model",
            0.25,
        ),
        (Progress(stage="loading", part="mmproj_model"), "loading projector", None),
        (Progress(stage="loading", part="spec_model"), "loading draft model", None),
        (Progress(stage="loading", part="of_a_newer_engine"), "loading of_a_newer_engine", None),
        (Progress(stage="warming"), "warming", 1.0),
        (Progress(stage="ready"), "verifying", 1.0),
    ],
)
def test_every_stage_has_its_words(progress: Progress, said: str, fraction: float | None) -> None:
    assert (reading.stage(progress), reading.fraction(progress)) == (said, fraction)


@pytest.mark.parametrize(
    ("first", "done", "rate"),
    [
        (None, 500, None),
        ((0.0, 100), None, None),
        ((0.0, 100), 100, None),  # nothing came yet
        ((9.8, 100), 500, None),  # too soon to tell
        ((0.0, 100), 1100, 100.0),
    ],
)
def test_the_rate_is_reported_once_enough_was_seen(
    first, done: int | None, rate: float | None
) -> None:
    progress = Progress(stage="loading", mib_done=done)
    assert reading.loading_rate(Switch("m", progress, 0.0, 10.0, first=first)) == rate


def test_a_failure_without_a_reason_is_still_one() -> None:
    failed = Switch(
        "m", Progress(stage="failed"), 0.0, 3.0, failure=Failure(code="x", message="m ended")
    )
    line = reading.switch_line(failed, 9.0)
    assert (line.stage, line.text) == ("failed", "m failed after 3.0 s: ended")


# ---- requests ----


def test_requests_in_their_phases() -> None:
    events = histories.busy()
    found = reading.request_rows(seen(events), end_of(events))
    assert [(r.client, r.surface, r.model, r.phase, r.tokens, r.speed, r.age) for r in found] == [
        ("claude-cli/2.0.14", "anthropic", GLM, "generating", "4968", "53.0 t/s", "1 min"),
        ("aider", "openai", GLM, "generating", "2931", "48.5 t/s", "1 min"),
        ("opencode/0.15", "openai", GLM, "prompt 42 %", "61.4 k", "2870 t/s", "1 s"),
        ("OpenWebUI/0.6", "openai", QWEN, "queued", "", "", "1 min"),
    ]


def test_requests_grow_older_between_two_readings_but_not_without_a_connection() -> None:
    events = histories.two_resident()
    view, now = seen(events), end_of(events)
    assert [row.age for row in reading.request_rows(view, now + 5)] == ["12 s"]
    gone = lost(view, "gone", now)
    assert [row.age for row in reading.request_rows(gone, now + 5)] == ["7 s"]


def test_a_prompt_of_which_nobody_knows_how_far_it_is() -> None:
    asked = request(1, "glm", "", "prompt", 1.0)
    assert reading.request_row(asked).phase == "prompt"


# ---- lines for the whole ----


def test_the_header_says_who_is_looked_at_and_what_is_wrong() -> None:
    events = histories.idle()
    view = seen(events)
    assert reading.header(view).text == (
        "paddock 0.1.0 · http://127.0.0.1:8080 · native b11434 · glm-flash-q4 · ● live"
    )
    gone = lost(view, "the daemon has ended", end_of(events))
    assert reading.header(gone).problem == "the daemon has ended"
    assert reading.header(View()).text == "paddock · ◌ connecting"
    broken = ConfigInfo(
        path="", loaded_at="", error=Failure(code="x", message="line 3: unknown key")
    )
    refused = with_glm()
    refused.status.config = broken
    head = reading.header(seen(Tale().tell(refused).events))
    assert [problem.text for problem in head.mistakes] == ["line 3: unknown key"]
    broken.error = Failure(
        code="x", message="2 problems", log=["line 3: unknown key", "line 5: no"]
    )
    head = reading.header(seen(Tale().tell(refused).events))
    assert [problem.text for problem in head.mistakes] == ["line 3: unknown key", "line 5: no"]
    assert not_applied(head.mistakes).endswith("applied: line 3: unknown key, and 1 more")


@pytest.mark.parametrize(
    ("said", "line", "words"),
    [
        ("/a/models.conf:46: [x] unknown key", 46, "[x] unknown key"),
        ("models.conf:46: [x] at 3:4: no", 46, "[x] at 3:4: no"),
        ("/a/paddock.toml:3: no such setting", None, "/a/paddock.toml:3: no such setting"),
        ("it cannot be read", None, "it cannot be read"),
    ],
)
def test_a_problem_is_known_by_its_line(said: str, line: int | None, words: str) -> None:
    [problem] = warnings(ConfigInfo(path="/a/models.conf", loaded_at="", warnings=[said]))
    assert (problem.line, problem.words) == (line, words)


@pytest.mark.parametrize(
    ("described", "short"),
    [
        ("NVIDIA GeForce RTX 4090", "RTX 4090"),
        ("NVIDIA H200", "H200"),
        ("AMD Radeon RX 7900 XTX", "RX 7900 XTX"),
        ("Intel(R) Arc(TM) A770 Graphics", "Arc A770"),
        ("AMD Radeon Graphics", "AMD Radeon Graphics"),
        ("RAM", "RAM"),
        ("", ""),
    ],
)
def test_a_device_is_called_by_what_distinguishes_it_from_others(
    described: str, short: str
) -> None:
    assert short_name(described) == short


def test_the_header_says_what_went_wrong_inside_as_long_as_the_daemon_says_it() -> None:
    [first, *_] = histories.idle()
    assert isinstance(first, Snapshot)
    faults = [
        FaultInfo(part=part, message="KeyError: 'x'", first="", last="")
        for part in ("plans", "facts")
    ]
    view = seen([with_fields(first, status=with_fields(first.status, faults=faults))])
    newest = "an unexpected error in facts: KeyError: 'x'"
    assert reading.header(view).faults[0] == newest
    assert (
        f"✗ {newest} and 1 other (L: the daemon's log)"
        in paint.header_line(reading.header(view)).plain
    )
    calm = Activity(requests=[], devices=[], totals=Totals(), seq=first.seq)
    assert reading.header(reduce(view, calm, CLOCK + 1)).faults == ()
    assert reduce(view, with_fields(calm, faults=faults[:1]), CLOCK + 1).faults == tuple(faults[:1])


def test_the_header_names_the_machines_of_the_stable_that_are_not_up() -> None:
    [first, *_] = histories.idle()
    assert isinstance(first, Snapshot)
    nodes = [NodeInfo(name="attic", state="up"), NodeInfo(name="lab", state="lost", reason="gone")]
    view = seen([with_fields(first, status=with_fields(first.status, nodes=nodes))])
    assert reading.header(view).away == ("node lab is lost: gone",)
    assert "▲ node lab is lost: gone" in paint.header_line(reading.header(view)).plain


def test_the_header_says_that_there_is_no_engine_or_that_it_uses_no_gpu() -> None:
    view = seen(histories.idle())
    assert reading.header(replace(view, engine="")).problem.startswith("no llama-server was found")
    gpu = DeviceInfo(name="GPU0", kind="gpu", id="0000:03:00.0", description="Arc B580")
    ram = DeviceInfo(name="Host", kind="host")

    def problem(device: DeviceInfo, place: str) -> str:
        placement = Placement(buffers=[Buffer(device=place, kind="model", mib=100.0)])
        [one, *_] = seen(histories.two_resident()).instances.values()
        live = {one.id: with_fields(one, placement=placement)}
        return reading.header(replace(view, devices=(device, ram), instances=live)).problem

    assert "uses none of the GPUs (Arc B580)" in problem(gpu, "Host")
    assert problem(gpu, "Vulkan0") == ""
    assert problem(with_fields(gpu, name="CUDA0"), "Host") == "", "its engine named it"
    assert reading.header(replace(view, devices=(gpu, ram), instances={})).problem == ""


def test_totals_in_one_line() -> None:
    events = histories.busy()
    assert reading.totals_line(seen(events)) == (
        "322 requests · 3 failed · 2.4 M tokens read · 190.2 k written · 1 waiting"
    )
    assert reading.totals_line(View(pressure=12.4)) == (
        "0 requests · 0 tokens read · 0 written · memory pressure 12 %"
    )


def test_the_last_notices_with_their_age() -> None:
    events = histories.failing()
    view, now = seen(events), end_of(events)
    [failed, ready] = reading.notice_lines(view, now + 120)
    assert (str(failed.mark), ready.mark.symbol, ready.when) == ("✗ failed", "●", "2 min ago")
    assert reading.notice_lines(view, now, 1) == reading.notice_lines(view, now)[1:]
    assert reading.notice_lines(view, now, 0) == ()


def test_a_trace_fills_its_width_from_the_right() -> None:
    view = seen(histories.two_resident())
    assert reading.trace(view, "generation", 6) == (None, None, 36.4, 36.4, 36.4, 36.4)
    assert reading.trace(view, "generation", 2) == (36.4, 36.4)
    assert reading.trace(view, "used:nothing", 2) == (None, None)
    assert reading.trace(view, "generation", 0) == ()


def test_how_hard_a_device_works_is_reported_as_far_as_it_is_known() -> None:
    busy = DeviceInfo(
        name="CUDA0", kind="gpu", utilization=0.97, temperature_c=61, power_w=310.4,
        power_limit_w=450, clock_mhz=2520, throttled=["power"],
    )  # fmt: skip
    assert facts(busy) == "97 %, 61 °C, 310 of 450 W, 2520 MHz, power limit"
    assert facts(DeviceInfo(name="GPU0", kind="gpu")) == ""
