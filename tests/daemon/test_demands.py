"""What the scheduler knows of a profile and its plan."""

from typing import Any

import pytest

from paddock.api.placement import DevicePlan, Plan
from paddock.config.profile import Flag, Origin, Profile
from paddock.core.model import HOST, DeviceId, Spec
from paddock.daemon.memory.demands import spec_of

FIRST, SECOND = DeviceId("0000:00:06.0"), DeviceId("0000:00:07.0")
OFF = Flag("--fit", ("off",), Origin("m", "fit"))


def profile(*flags: Flag, **rest: Any) -> Profile:
    return Profile("m", 1, None, flags, **rest)


def plan(**changes: Any) -> Plan:
    """On the first of two GPUs, and in RAM."""
    used: dict[str, Any] = {"model": 9000, "context": 1000, "compute": 100, "overhead": 600}
    devices = [
        DevicePlan(device="CUDA0", id=FIRST, margin=1024, **used),
        DevicePlan(device="CUDA1", id=SECOND, margin=512),
        DevicePlan(device="Host", id=HOST, model=500, overhead=272),
    ]
    usual: dict[str, Any] = {"source": "engine", "fits": True, "devices": devices}
    return Plan(profile="m", **usual | changes)


def spec(own: Profile, planned: Plan, cost: float | None = 2.5) -> Spec:
    return spec_of(own, planned, measured_cost=cost)


def test_it_needs_what_is_planned_and_its_margin_where_it_lies():
    found = spec(profile(), plan())
    assert found.demand == {FIRST: 10700, HOST: 772}
    assert found.margin == {FIRST: 1024}
    assert found.stiff == frozenset()


def test_without_fit_it_takes_all_or_fails_and_wants_no_margin():
    """Then it is refused by this sum, and only what llama.cpp allocates is certain."""
    found = spec(profile(OFF), plan())
    assert found.stiff == {FIRST, SECOND}
    assert found.demand == {FIRST: 10100, HOST: 772}
    assert found.margin == {}


def test_so_does_one_that_fit_cannot_make_smaller():
    found = spec(profile(), plan(fits=False))
    assert found.stiff == {FIRST, SECOND}
    assert found.demand[FIRST] == 10100


@pytest.mark.parametrize("fits", [True, False])
def test_an_estimate_is_never_a_reason_to_refuse(fits: bool):
    found = spec(profile(), plan(source="estimate", fits=fits))
    assert found.stiff == frozenset()
    assert found.demand[FIRST] == 10700


def test_but_without_fit_even_an_estimate_counts_in_full():
    assert spec(profile(OFF), plan(source="estimate")).stiff == {FIRST, SECOND}


def test_who_would_rather_not_swap_takes_all_of_its_ram_or_fails():
    found = spec(profile(on_swap="refuse"), plan())
    assert found.stiff == {HOST}
    assert found.demand == {FIRST: 10700, HOST: 772}
    assert found.margin == {FIRST: 1024}
    assert spec(profile(OFF, on_swap="refuse"), plan()).stiff == {FIRST, SECOND, HOST}


def test_a_plan_of_nothing_needs_nothing():
    found = spec(profile(), plan(devices=[]))
    assert (found.demand, found.margin, found.stiff) == ({}, {}, frozenset())


def test_a_load_costs_what_the_last_one_took_or_what_its_files_would(tmp_path):
    assert spec(profile(), plan()).cost == 2.5
    model = tmp_path / "m.gguf"
    with model.open("wb") as file:
        file.truncate(3000 << 20)
    assert spec(Profile("m", 1, model, ()), plan(), None).cost == 2.0
    assert spec(Profile("m", 1, model, ()), plan(), 0.0).cost == 0.0


def test_the_rest_is_the_profiles_own():
    own = profile(OFF, pin=True, priority=3, ttl=60.0, concurrency=2)
    found = spec(own, plan())
    assert (found.id, found.fingerprint) == ("m", own.fingerprint)
    assert (found.pin, found.priority, found.ttl, found.concurrency) == (True, 3, 60.0, 2)


def test_what_lies_on_one_card_through_two_backends_is_one_demand():
    twice = [
        DevicePlan(device=name, id=FIRST, model=1000, overhead=300, margin=margin)
        for name, margin in (("CUDA0", 1024), ("Vulkan0", 512))
    ]
    found = spec(profile(), plan(devices=twice))
    assert (found.demand, found.margin) == ({FIRST: 2600}, {FIRST: 1024})
