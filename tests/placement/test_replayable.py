"""When a plan's flags may be given to a load, and when fit has to search anew."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.api.placement import DevicePlan, Plan
from paddock.core.model import HOST, DeviceId
from paddock.placement.devices import Reading
from paddock.placement.replayable import obstacle, replay
from tests.placement.ground import gpu

CARD, OTHER = "0000:01:00.0", "0000:02:00.0"
FLAGS = ["--fit", "off"]


def plan(*, available: int = 20_000, model: int = 8_000, steps: list[str] | None = None) -> Plan:
    """On one card, of which it counted with so much; 1,024 MiB are to stay free."""
    device = DevicePlan(device="CUDA0", id=CARD, model=model, margin=1024, available=available)
    host = DevicePlan(device="Host", id="host", model=500, available=1_000)
    return Plan(profile="m", source="engine", fits=True, devices=[device, host], replay=FLAGS,
                gpus=[CARD], steps=steps or [])  # fmt: skip


def having(free: int | None, *more: Reading) -> dict[DeviceId, Reading]:
    known = Reading(DeviceId(CARD), "CUDA0", 24_000, free)
    return {reading.id: reading for reading in (known, *more)}


def test_what_counted_with_the_memory_that_is_free_is_replayed():
    assert obstacle(plan(), having(20_000), {}) == ""


def test_less_is_enough_while_what_it_needs_and_the_margin_are_there():
    assert obstacle(plan(), having(9_024), {}) == ""
    assert obstacle(plan(), having(9_023), {}) == (
        "CUDA0 has 8.8 GiB free, its plan counted with 19.5 GiB"
    )


def test_who_stays_beside_it_takes_its_part():
    assert obstacle(plan(), having(20_000), {DeviceId(CARD): 10_000}) == ""
    assert obstacle(plan(), having(20_000), {DeviceId(CARD): 11_000}).startswith("CUDA0 has")


def test_what_was_cut_is_fitted_anew_where_there_is_more():
    cut = plan(available=8_500, steps=["2 of 33 layers to RAM"])
    assert obstacle(cut, having(8_500), {}) == obstacle(cut, having(8_560), {}) == ""
    assert obstacle(cut, having(9_000), {}) == "CUDA0 has 8.8 GiB, its plan was cut to 8.3 GiB"


def test_another_set_of_gpus_is_fitted_anew():
    assert obstacle(plan(), having(20_000, gpu(OTHER, 9_000)), {}) == (
        "the GPUs are not those of its plan"
    )
    assert obstacle(plan(), {}, {}) == "the GPUs are not those of its plan"


def test_memory_that_nobody_can_read_is_left_to_fit():
    assert obstacle(plan(), having(None), {}) == "nobody can tell what is free of CUDA0"


def test_without_flags_there_is_nothing_to_replay():
    bare = plan()
    bare.replay = []
    assert obstacle(bare, having(20_000), {}) == "there is no plan with flags for it"


MIB = st.integers(min_value=0, max_value=30_000)


@given(available=MIB, model=MIB, free=MIB, beside=MIB, is_cut=st.booleans())
def test_no_load_is_replayed_into_less_than_it_counted_with_or_needs(
    available: int, model: int, free: int, beside: int, is_cut: bool
):
    made = plan(available=available, model=model, steps=["cut"] if is_cut else [])
    if obstacle(made, having(free), {DeviceId(CARD): beside}) == "":
        left = free - beside
        assert left >= available or left >= model + 1024
        assert not is_cut or free <= available + 64


# ---- GPUs that lie in RAM, all made up ----


def shared(*, steps: list[str] | None = None) -> Plan:
    """Of an APU with 512 MiB set aside, of which 460 were free, and 14,000 of RAM; its engine saw 8,000."""
    device = DevicePlan(device="Vulkan0", id=CARD, model=5_000, margin=1024, available=8_000,
                        size=8_300, in_ram=True, set_aside=460)  # fmt: skip
    host = DevicePlan(device="Host", id="host", model=500, available=14_000)
    return Plan(profile="m", source="engine", fits=True, devices=[device, host], replay=FLAGS,
                gpus=[CARD], steps=steps or [])  # fmt: skip


def apu(*, ram: int | None = 14_000, aside: int | None = 460) -> dict[DeviceId, Reading]:
    card = Reading(DeviceId(CARD), "GPU0", 512, aside, is_in_ram=True)
    return {reading.id: reading for reading in (card, Reading(HOST, "Host", 16_000, ram))}


def test_a_gpu_in_ram_is_compared_with_what_its_engine_saw_of_it():
    assert obstacle(shared(), apu(), {}) == ""
    assert obstacle(shared(), apu(ram=12_024), {}) == ""
    assert obstacle(shared(), apu(ram=12_023), {}) == (
        "Vulkan0 has 5.9 GiB free, its plan counted with 7.8 GiB"
    )
    assert obstacle(shared(), apu(ram=12_100, aside=300), {}).startswith("Vulkan0 has 5.8 GiB free")


def test_what_others_hold_in_ram_or_of_that_gpu_is_one_pool():
    for device in (CARD, HOST):
        assert obstacle(shared(), apu(), {DeviceId(device): 1_900}) == ""
        assert obstacle(shared(), apu(), {DeviceId(device): 2_000}) != ""


def test_what_was_cut_to_a_gpu_in_ram_is_replayed_while_ram_is_about_what_it_was():
    cut = shared(steps=["context cut from 131072 to 28416 tokens"])
    cut.devices[0].model, cut.devices[0].size = 6_976, 15_000
    assert obstacle(cut, apu(), {}) == obstacle(cut, apu(ram=17_500), {}) == ""
    assert obstacle(cut, apu(ram=17_501), {}) == "Vulkan0 has 11.2 GiB, its plan was cut to 7.8 GiB"
    assert obstacle(cut, apu(ram=13_999), {}).startswith("Vulkan0 has 7.8 GiB free")


def test_a_gpu_in_ram_that_no_driver_reads_goes_by_ram_alone():
    own = shared()
    own.devices[0].set_aside, own.gpus = None, []
    assert obstacle(own, {HOST: Reading(HOST, "Host", 16_000, 14_000)}, {}) == ""
    assert obstacle(own, {HOST: Reading(HOST, "Host", 16_000, 12_000)}, {}) != ""


def test_of_ram_that_nobody_can_read_nothing_is_concluded():
    for readings in (apu(ram=None), apu(aside=None)):
        assert obstacle(shared(), readings, {}) == "nobody can tell what is free of Vulkan0"


# ---- what a load is given, and what its engine must see ----


def far(available: int, *, model: int = 100, margin: int = 16, overflowing: int = 0) -> Plan:
    """On a device behind RPC, of which only the engine can tell what is free."""
    device = DevicePlan(device="RPC0", id="RPC0[127.0.0.1:1]", model=model, margin=margin,
                        available=available, overflowing=overflowing)  # fmt: skip
    return Plan(profile="m", source="engine", fits=True, devices=[device], replay=FLAGS)


def test_of_a_device_behind_rpc_the_engine_must_see_enough():
    given_ = replay(far(500), {})
    assert given_.needs == {"RPC0": 116}
    assert given_.misfit({"RPC0": 116}) == given_.misfit({}) == ""
    assert given_.misfit({"RPC0": 90}) == "RPC0 has 90 MiB free, its plan needs 116 MiB"


def test_what_filled_its_device_needs_no_more_than_its_plan_counted_with():
    """Fit's last trial may be over the target for a moment: `planning._is_over_full`."""
    assert replay(far(110), {}).needs == {"RPC0": 110}


def test_of_a_gpu_here_the_ledger_is_asked():
    given_ = replay(plan(steps=["2 of 33 layers to RAM"]), having(20_000))
    assert given_.needs == given_.cut_to == {}


@pytest.mark.parametrize(("free", "is_more"), [(564, False), (565, True), (106, False)])
def test_what_was_cut_to_a_device_behind_rpc_is_fitted_anew_where_its_engine_sees_more(
    free: int, is_more: bool
):
    cut = far(500, model=90)
    cut.steps = ["4 of 10 layers to RAM"]
    said = f"RPC0 has {free} MiB free, its plan was cut to 500 MiB" if is_more else ""
    assert replay(cut, {}).misfit({"RPC0": free}) == said
    assert replay(far(500, model=80), {}).misfit({"RPC0": free}) == "", (
        "as asked for, it takes no more"
    )


def test_a_made_up_gpu_in_ram_that_no_driver_reads_is_not_compared_with_what_it_was_cut_to():
    """RAM changes all the time: `obstacle` compares it."""
    shared_one = {DeviceId(CARD): Reading(DeviceId(CARD), "Vulkan0", None, None, is_in_ram=True, is_reported=True)}  # fmt: skip
    assert replay(shared(steps=["cut"]), shared_one).cut_to == {}


def test_of_a_card_that_no_driver_reads_the_engine_must_see_enough_too():
    card = DeviceId(CARD)
    readings = {card: Reading(card, "Vulkan0", 24_000, 20_000, is_reported=True)}
    assert replay(plan(), readings).needs == {"CUDA0": 9_024}


def test_layers_that_lie_in_part_elsewhere_are_known_without_fits_word():
    assert replay(far(500, overflowing=3), {}).placement.layers_overflowing == 3
    assert replay(far(500), {}).placement.layers_overflowing is None
    assert replay(far(500), {}).placement.replayed
