"""What several nodes say as one stable says it: pure, by properties and by tables."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from paddock.api.activity import RequestInfo, Totals
from paddock.api.devices import DevicePast, DevicesPast
from paddock.api.stats import ProfileStats, Stats
from paddock.api.types import DeviceInfo, InstanceInfo, ProfileInfo, State, VariantInfo
from paddock.api.usage import UsageReport, UsageRow
from paddock.api.yielding import YieldInfo
from paddock.cluster.front import merge
from paddock.cluster.front.merge import Part
from paddock.cluster.front.names import STRIDE
from paddock.cluster.front.past import aligned, summed_stats, summed_usage
from paddock.tui.state import View

STATES: list[State] = [
    *("unloaded", "queued", "loading", "ready", "busy", "draining", "stopping", "failed"),
]
NAMES = ["alpha", "beta", "gamma"]


def part(node: str, number: int = 1, **view: Any) -> Part:
    return Part(node, number, View(**view))


@st.composite
def parts(draw: st.DrawFn) -> list[Part]:
    found = []
    for number, node in enumerate(draw(st.sampled_from([["a"], ["a", "b"], ["a", "b", "c"]]))):
        ids = draw(st.lists(st.sampled_from(NAMES), unique=True))
        rows = [
            ProfileInfo(
                id=name,
                state=draw(st.sampled_from(STATES)),
                waiting=draw(st.integers(0, 3)),
                instance=draw(st.sampled_from([None, f"{name}.1"])),
                aliases=draw(st.lists(st.sampled_from(["x", "y"]), unique=True)),
                switching=draw(st.booleans()),
            )
            for name in ids
        ]
        waiting = {row.id: row.waiting for row in rows if row.waiting}
        devices = (DeviceInfo(name="Host", kind="host", booked_mib={f"{n}.1": 1 for n in ids}),)
        instances = {
            f"{n}.1": InstanceInfo(id=f"{n}.1", profile=n, phase="ready", since="") for n in ids
        }
        requests = (RequestInfo(id=draw(st.integers(1, 9)), profile="alpha"),)
        found.append(
            part(
                node,
                number + 1,
                models=tuple(rows),
                waiting=waiting,
                devices=devices,
                instances=instances,
                requests=requests,
                totals=Totals(requests=draw(st.integers(0, 5))),
            )
        )
    return found


@given(parts())
def test_each_profile_is_one_row_that_loses_no_home_and_no_waiting_request(
    several: list[Part],
) -> None:
    rows = {row.id: row for row in merge.profiles(several)}
    assert set(rows) == {row.id for one in several for row in one.view.models}
    for name, row in rows.items():
        homes = {one.node: found for one in several if (found := one.view.model(name))}
        assert [f"{name}@{node}" for node in homes] == row.aliases[-len(homes) :]
        assert row.waiting == sum(home.waiting for home in homes.values())
        assert row.switching == any(home.switching for home in homes.values())
        assert row.state in {home.state for home in homes.values()}
        if any(home.state in {"ready", "busy"} for home in homes.values()):
            assert row.state in {"ready", "busy"}, "one that is ready is what a request gets"
        seen = merge.now(several, name)
        assert seen is not None
        assert (seen.state, seen.instance) == (row.state, row.instance)
    assert merge.now(several, "nobody") is None
    assert sum(merge.waiting(several).values()) == sum(row.waiting for row in rows.values())


@given(parts())
def test_what_belongs_to_one_node_is_listed_under_its_name(several: list[Part]) -> None:
    seen = merge.activity(several)
    assert [device.name for device in seen.devices] == [f"{one.node}/Host" for one in several]
    assert [i.id for i in seen.instances] == [
        f"{one.node}/{id_}" for one in several for id_ in one.view.instances
    ]
    assert {(r.id // STRIDE, r.id % STRIDE) for r in seen.requests} == {
        (one.view.requests[0].id, one.number) for one in several
    }
    assert seen.totals.requests == sum(one.view.totals.requests for one in several)
    for device, one in zip(seen.devices, several, strict=True):
        assert list(device.booked_mib) == [f"{one.node}/{id_}" for id_ in one.view.instances]


def test_a_request_without_a_model_gets_what_was_used_last_anywhere() -> None:
    def of(node: str, model: str, used: str) -> Part:
        row = ProfileInfo(id=model, state="ready", last_used=used)
        return part(node, models=(row,), current=model)

    assert (
        merge.current([of("a", "alpha", "2026-11-30T10"), of("b", "beta", "2026-11-30T11")])
        == "beta"
    )
    assert merge.current([part("a")]) is None


def test_a_variant_on_two_nodes_is_one_with_names_that_insist() -> None:
    row = VariantInfo(id="beta-short", variant_of="beta", aliases=["bs"])
    [seen] = merge.variants([part("a", variants=(row,)), part("b", variants=(row,))])
    assert seen.aliases == ["bs", "beta-short@a", "beta-short@b"]


def test_a_yield_of_one_node_says_which() -> None:
    info = YieldInfo(since="2026-11-30T10", by="a game", until="2026-11-30T12", leaving=["alpha"])
    other = YieldInfo(since="2026-11-30T09", by="training")
    of_one = merge.yielded([part("a", yielded=info), part("b")])
    assert of_one is not None
    assert (of_one.by, of_one.until) == ("a game on a", "2026-11-30T12")
    of_both = merge.yielded([part("a", yielded=info), part("b", yielded=other)])
    assert of_both is not None
    assert (of_both.by, of_both.until, of_both.since) == ("a game, training", None, "2026-11-30T09")
    assert merge.yielded([part("a"), part("b")]) is None


# ---- what was ----


def test_series_of_nodes_that_read_at_other_times_get_one_axis_and_no_value_is_made_up() -> None:
    first = DevicesPast(
        every=10,
        at=[0, 10, 20],
        devices=[DevicePast(name="a/Host", kind="host", free_mib=[1, 2, 3])],
    )
    second = DevicesPast(
        every=10,
        at=[13, 23],
        devices=[
            DevicePast(name="b/Host", kind="host", free_mib=[7, 8], models_mib={"glm": [4, None]})
        ],
    )
    seen = aligned([first, second])
    assert seen.at == [0, 10, 20]
    assert seen.devices[0].free_mib == [1, 2, 3]
    assert seen.devices[1].free_mib == [None, 7, 8]
    assert seen.devices[1].models_mib == {"glm": [None, 4, None]}


def test_costs_are_added_and_the_longest_wait_stays_the_longest() -> None:
    def of(waited: float, longest: float) -> Stats:
        row = ProfileStats(profile="glm", switches=1, waited=waited, longest_wait=longest)
        total = ProfileStats(profile="", switches=1, waited=waited, longest_wait=longest)
        return Stats(since="2026", total=total, profiles=[row])

    seen = summed_stats([of(3.0, 3.0), of(1.0, 1.0)])
    [row] = seen.profiles
    assert (row.switches, row.waited, row.longest_wait) == (2, 4.0, 3.0)
    assert (seen.total.switches, seen.total.waited, seen.total.longest_wait) == (2, 4.0, 3.0)


def test_what_one_key_used_on_two_nodes_in_a_day_is_one_row() -> None:
    row = UsageRow(day="2026-11-30", key="anna", model="glm", requests=2, prompt_tokens=5)
    older = UsageRow(day="2026-11-29", key="anna", model="glm", requests=1)
    report = UsageReport(since="2026-11-01", until="2026-11-30", rows=[row])
    seen = summed_usage(
        [report, UsageReport(since="2026-11-01", until="2026-11-30", rows=[row, older])]
    )
    assert [(one.day, one.requests, one.prompt_tokens) for one in seen.rows] == [
        ("2026-11-30", 4, 10),
        ("2026-11-29", 1, 0),
    ]
