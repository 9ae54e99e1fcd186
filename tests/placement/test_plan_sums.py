"""What a plan takes of each memory, and what its words make of that. Cards are made up."""

from typing import Any

from paddock.api.placement import DevicePlan, Plan
from paddock.core.model import HOST
from paddock.placement.plan_sums import ram_left, sums
from paddock.placement.words import explain


def plan(*devices: DevicePlan) -> Plan:
    return Plan(profile="m", source="engine", fits=True, devices=list(devices))


def gpu(name: str, model: int, available: int = 24_000, **more: Any) -> DevicePlan:
    return DevicePlan(
        device=name, id=more.pop("id", name), model=model, available=available, **more
    )


def apu(model: int, *, aside: int | None = 460) -> DevicePlan:
    return gpu("Vulkan0", model, 15_800, in_ram=True, set_aside=aside)


def host(model: int, available: int = 12_000) -> DevicePlan:
    return DevicePlan(device="Host", id=HOST, model=model, available=available)


def test_a_card_that_two_backends_see_is_one_memory():
    found = sums(plan(gpu("CUDA0", 13_000, id="card"), gpu("Vulkan0", 12_000, id="card"), host(9)))
    assert [(m.name, m.needed, m.left) for m in found] == [
        ("CUDA0 and Vulkan0", (25_000,), -1000),
        ("RAM", (9,), 11_991),
    ]


def test_a_made_up_gpu_in_ram_is_counted_for_itself_and_with_ram():
    found = sums(plan(apu(8000), host(1000)))
    assert [(m.name, m.left) for m in found] == [
        ("Vulkan0", 7800),
        ("RAM", 11_000),
        ("RAM with Vulkan0", 3460),
    ]


def test_ram_is_short_where_it_or_all_that_lies_there_is_too_much():
    assert ram_left(plan(apu(8000), host(1000))) == 3460
    assert ram_left(plan(apu(0), host(1000))) == 11_000
    assert ram_left(plan(apu(100, aside=96_000), host(13_000))) == -1000
    assert ram_left(plan(gpu("CUDA0", 8000))) is None


def test_the_warning_of_a_made_up_gpu_in_ram_counts_both():
    found = plan(apu(12_000), host(1000))
    explain(found, {})
    said = "RAM with Vulkan0: needs 12.7 GiB of 12.2 GiB; the machine would swap"
    assert (found.warnings, found.notes) == ([said], [])
    fits = plan(apu(8000), host(1000))
    explain(fits, {})
    said = "RAM with Vulkan0 is one memory: all of it together takes 8.8 GiB of 12.2 GiB"
    assert (fits.warnings, fits.notes) == ([], [said])


def test_a_margin_that_is_all_that_a_device_has_is_noted_though_it_computes_for_ram():
    found = plan(
        DevicePlan(device="Vulkan0", id="v", compute=71, overhead=300, margin=1024, available=600)
    )
    explain(found, {})
    assert found.notes == ["Vulkan0 is to keep 1.0 GiB free and has 600 MiB: nothing lies there"]
    used = plan(DevicePlan(device="Vulkan0", id="v", model=100, margin=1024, available=600))
    explain(used, {})
    assert used.notes == []
