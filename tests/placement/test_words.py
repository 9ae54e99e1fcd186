"""Plans in sentences."""

from typing import Any

import pytest

from paddock.api.placement import DevicePlan, Plan
from paddock.core.model import HOST
from paddock.placement.devices import Taker
from paddock.placement.words import explain, gib, layers_in_ram, spills
from tests.placement.ground import around, gpu

DESKTOP = gpu("CUDA1", 21000, total=24000, takers=(Taker("firefox", 900), Taker("Xorg", 2000)))
IDLE = gpu("CUDA0", 24000, total=24200, takers=(Taker("Xorg", 50),))


def device(name: str, total: int = 1000, available: int | None = 24000, **rest: Any) -> DevicePlan:
    return DevicePlan(device=name, id=name, model=total, available=available, **rest)


def ram(total: int = 1000, available: int | None = 64000) -> DevicePlan:
    return DevicePlan(device="Host", id=HOST, model=total, available=available)


def plan(*devices: DevicePlan, complaint: str = "", **rest: Any) -> Plan:
    """Explained, on a machine with a desktop on its second GPU."""
    found = Plan(profile="m", source="engine", fits=True, devices=list(devices), **rest)
    explain(found, around(IDLE, DESKTOP).readings, complaint=complaint)
    return found


def test_of_a_plan_as_asked_for_there_is_nothing_to_say():
    found = plan(device("CUDA0"), ram(), layers=33, layers_on_devices=33, n_ctx=8192, n_ctx_wanted=8192)  # fmt: skip
    assert (found.steps, found.notes, found.warnings) == ([], [], [])
    assert not spills(found)


def test_who_takes_a_devices_memory_is_reported_by_name():
    assert plan(device("CUDA1"), ram()).notes == [
        "CUDA1 has 2.9 GiB taken by other programs (Xorg, firefox)"
    ]


def test_the_little_that_an_idle_desktop_takes_is_not_reported():
    assert plan(device("CUDA0"), ram()).notes == []


def test_a_context_that_was_cut_is_reported():
    found = plan(device("CUDA0"), n_ctx=4608, n_ctx_wanted=32768)
    assert found.steps == ["context cut from 32768 to 4608 tokens"]


@pytest.mark.parametrize(
    ("count", "step", "note"),
    [
        (14, "14 expert layers to RAM", "14 expert layers go to RAM"),
        (1, "1 expert layer to RAM", "1 expert layer goes to RAM"),
    ],
)
def test_experts_in_ram_are_counted_by_layer(count: int, step: str, note: str):
    found = plan(device("CUDA0"), ram(), layers=49, layers_on_devices=49, experts_in_ram=count)
    assert (found.steps, found.notes) == ([step], [note])
    assert spills(found)


def test_layers_in_ram_are_counted():
    found = plan(device("CUDA0"), ram(), layers=33, layers_on_devices=29)
    assert found.steps == ["4 of 33 layers to RAM"]
    assert found.notes == ["4 whole layers go to RAM"]
    assert (layers_in_ram(found), spills(found)) == (4, True)
    one = plan(device("CUDA0"), ram(), layers=33, layers_on_devices=32)
    assert one.notes == ["1 whole layer goes to RAM"]


def test_without_a_gpu_nothing_goes_to_ram_that_would_lie_elsewhere():
    found = plan(ram(), layers=33, layers_on_devices=0)
    assert (found.steps, found.notes, layers_in_ram(found)) == ([], [], 0)


def test_a_device_that_is_too_small_is_a_warning():
    found = plan(device("CUDA0", 25600), device("CUDA1", 1000, None), ram())
    assert found.warnings == ["CUDA0: needs 25.0 GiB of 23.4 GiB"]


def test_ram_that_is_too_small_would_swap():
    found = plan(device("CUDA0"), ram(70 * 1024, 61 * 1024))
    assert found.warnings == ["RAM: needs 70.0 GiB of 61.0 GiB; the machine would swap"]
    assert plan(ram(70 * 1024, None)).warnings == []


def test_why_llama_cpp_gives_up_is_cited_without_its_preface():
    said = (
        "failed to fit params to free device memory: n_gpu_layers already set by user to 99, abort"
    )
    assert plan(device("CUDA0"), complaint=said).warnings == [
        "llama.cpp gives up fitting it: n_gpu_layers already set by user to 99, abort"
    ]


def test_sizes_are_written_as_people_read_them():
    assert [gib(n) for n in (0, 12.4, 1023, 1024, 2970, -2970)] == [
        "0 MiB", "12 MiB", "1023 MiB", "1.0 GiB", "2.9 GiB", "-2.9 GiB",
    ]  # fmt: skip
