"""Devices by the names of engines and of drivers, margins, and who takes what. All are made up."""

from dataclasses import replace

import pytest

from paddock.core.model import HOST, DeviceId
from paddock.llama.fit import FitDevice
from paddock.placement.devices import (
    DEFAULT_MARGIN,
    Margins,
    Reading,
    Taker,
    fits_itself,
    gpus,
    held_by,
    ids_of,
    is_in_ram,
    margins_of,
    overhead_of,
    with_ram,
)
from paddock.placement.planning import Circumstances
from tests.placement.ground import around, gpu, written

FIRST, SECOND = "0000:00:06.0", "0000:00:07.0"


def cuda(number: int, address: str | None, total: int | None = 81079) -> FitDevice:
    return FitDevice(f"CUDA{number}", "NVIDIA H100", address, 80000, total)


def remote(number: int, endpoint: str) -> FitDevice:
    return FitDevice(f"RPC{number}", endpoint, None, 24000, 24000)


# ---- identities ----


def test_a_gpu_is_its_slot_whatever_an_engine_calls_it():
    """As with CUDA_VISIBLE_DEVICES=1,0."""
    assert ids_of([cuda(0, SECOND), cuda(1, FIRST)], {}) == {"CUDA0": SECOND, "CUDA1": FIRST}


def test_a_device_behind_rpc_is_its_place_among_those_of_its_endpoint():
    devices = [remote(0, "a:1"), remote(1, "b:1"), remote(2, "a:1"), cuda(0, FIRST)]
    assert list(ids_of(devices, {}).values()) == ["RPC0[a:1]", "RPC0[b:1]", "RPC1[a:1]", FIRST]


def test_without_a_slot_it_is_the_only_gpu_of_that_size():
    here = around(gpu("GPU0", 81000, id_=FIRST), gpu("GPU1", 24000, id_=SECOND))
    assert ids_of([cuda(0, None, 24564)], here.readings) == {"CUDA0": SECOND}
    assert ids_of([cuda(0, None, 81559)], here.readings) == {"CUDA0": FIRST}
    assert ids_of([cuda(0, None, 48000)], here.readings) == {"CUDA0": "CUDA0"}
    assert ids_of([cuda(0, None, None)], here.readings) == {"CUDA0": "CUDA0"}


def test_among_several_of_that_size_nobody_can_tell():
    here = around(gpu("GPU0", 24000, id_=FIRST), gpu("GPU1", 24000, id_=SECOND))
    assert ids_of([cuda(0, None, 24000)], here.readings) == {"CUDA0": "CUDA0"}


def test_ram_is_no_gpu_even_if_it_is_as_large():
    assert ids_of([cuda(0, None, 64000)], around(ram=64000).readings) == {"CUDA0": "CUDA0"}


# ---- readings ----


def test_what_is_ours_is_available_and_the_rest_is_foreign():
    reading = gpu("CUDA0", 10000, total=24000, ours=8000)
    assert (reading.available_mib, reading.foreign_mib) == (18000, 6000)
    over = gpu("CUDA0", 20000, total=24000, ours=8000)  # read a moment apart
    assert over.foreign_mib == 0


def test_nothing_is_known_of_a_device_that_reports_nothing():
    silent = Reading(gpu("CUDA0", 1).id, "CUDA0", 24000, None)
    assert (silent.available_mib, silent.foreign_mib) == (None, None)
    assert Reading(silent.id, "CUDA0", None, 24000).foreign_mib is None


def test_gpus_are_all_but_ram():
    here = around(gpu("CUDA0", 1), gpu("RPC0", 2, id_="RPC0[a:1]"))
    assert HOST in here.readings
    assert [reading.name for reading in gpus(here.readings)] == ["CUDA0", "RPC0"]


def test_a_plan_goes_by_the_driver_for_what_it_can_see_and_else_by_the_engine():
    """The driver's figure has the context still free that the engine's own process has taken."""
    far = remote(0, "a:1")
    old = gpu("RPC0", 9000, id_="RPC0[a:1]")
    here = around(gpu("CUDA0", 80550, id_=FIRST), old)
    assert here.available(cuda(0, FIRST), gpu("", 0, id_=FIRST).id) == 80550
    assert here.available(far, old.id) == 24000  # and not as in an earlier plan
    ours = Circumstances(here.readings, {}, {old.id: 500})
    assert ours.available(FitDevice("RPC0", "a:1", None, 20000, 24000), old.id) == 20500
    assert ours.available(far, old.id) == 24000  # no more than there is
    assert ours.available(FitDevice("RPC0", "a:1", None, 20000), old.id) == 20500


# ---- margins ----


@pytest.mark.parametrize(
    ("flag", "margins"),
    [
        ("", (1024, 1024, 1024)),
        ("--fit-target 512", (512, 512, 512)),
        ("--fit-target 60,30", (60, 30, 1024)),
        ("--fit-target 60/30/10", (60, 30, 10)),
        ("--fit-target 0", (0, 0, 0)),
        ("--fit-target 60,", (60, 60, 60)),
        ("--fit-target many", (1024, 1024, 1024)),
    ],
)
def test_one_margin_is_for_all_devices_and_several_are_by_place(
    flag: str, margins: tuple[int, ...]
):
    found = margins_of(written(*filter(None, [flag])))
    assert tuple(found.at(place) for place in range(3)) == margins


def test_without_any_they_are_llama_cpps_own():
    assert Margins().at(0) == Margins().at(7) == DEFAULT_MARGIN == 1024


def test_fit_is_on_unless_it_is_said_to_be_off():
    assert fits_itself(written())
    assert fits_itself(written("--fit on"))
    assert not fits_itself(written("--fit off"))


# ---- beside the buffers ----


def test_a_measured_overhead_comes_before_the_assumed_one():
    assert overhead_of("CUDA0", {}) == overhead_of("CUDA11", {}) == 600
    assert overhead_of("CUDA1", {"CUDA1": 704, "CUDA0": 600}) == 704
    assert overhead_of("CUDA1", {"CUDA1": 0}) == 0


def test_what_lies_behind_rpc_costs_the_other_process():
    assert overhead_of("RPC0", {}) == overhead_of("Metal", {}) == 0


def test_takers_are_listed_by_name_the_largest_first():
    several = [Taker("python", 100), Taker("Xorg", 300), Taker("", 900), Taker("firefox", 200)]
    assert held_by(several) == "Xorg, firefox, python"
    assert held_by([*several, Taker("vlc", 50)]) == "Xorg, firefox, python, …"
    assert held_by([Taker("Xorg", 1), Taker("Xorg", None)]) == "Xorg"
    assert held_by([Taker("", None)]) == held_by([]) == ""


# ---- GPUs in RAM, made up ----

APU = FitDevice("Vulkan0", "made up", "0000:c5:00.0", 15_300, 15_800)


def reading_of(total: int | None, *, is_in_ram: bool = False) -> Reading:
    return Reading(DeviceId("0000:c5:00.0"), "GPU0", total, total, is_in_ram=is_in_ram)


def test_what_an_engine_sees_beyond_a_drivers_own_memory_is_ram():
    assert is_in_ram(APU, reading_of(512))
    assert not is_in_ram(APU, reading_of(16_368)), "a card; they count a little differently"
    assert not is_in_ram(APU, reading_of(15_000))
    assert not is_in_ram(APU, None)


def test_what_has_to_the_mib_what_the_machine_has_lies_there():
    """As CUDA counts on integrated GPUs, of which it prints no mark."""
    assert is_in_ram(APU, None, ram_mib=15_800)
    assert not is_in_ram(APU, None, ram_mib=15_801)
    assert not is_in_ram(APU, reading_of(16_000), ram_mib=15_800), "a card of that size"
    assert not is_in_ram(replace(APU, name="RPC0"), None, ram_mib=15_800), "another machine"


def test_an_engine_or_a_driver_may_say_so_itself():
    assert is_in_ram(replace(APU, is_in_ram=True), None)
    assert is_in_ram(APU, reading_of(96_000, is_in_ram=True))


def test_such_a_gpu_has_ram_beside_what_was_set_aside():
    readings = {HOST: Reading(HOST, "Host", 16_000, 12_000)}
    shared = with_ram(reading_of(512, is_in_ram=True), readings)
    assert (shared.total_mib, shared.available_mib) == (16_512, 12_512)
    assert with_ram(reading_of(512), readings) == reading_of(512)
