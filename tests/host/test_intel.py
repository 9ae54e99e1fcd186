"""Intel's GPUs, from trees of files that say what xe and i915 say by the kernel's documents. None is at hand here."""

from pathlib import Path

import pytest

from paddock.host.amd import Amd
from paddock.host.gpu import Gpu, GpuProcess, Telemetry
from paddock.host.gpus import Gpus
from paddock.host.intel import Intel
from tests.host.test_amd import RAPHAEL, client
from tests.host.trees import Machine, write

CARD, OWN = "0000:03:00.0", "0000:00:02.0"
B580 = {
    "vendor": "0x8086",
    "device": "0xe20b",
    "uevent": "DRIVER=xe\nPCI_ID=8086:E20B\n",
    "power/runtime_status": "active",
    "tile0/physical_vram_size_bytes": "12884901888",
    "tile0/gt0/freq0/act_freq": "2850",
    "tile0/gt0/freq0/max_freq": "2900",
    "hwmon/hwmon4/temp2_input": "58000",
    "hwmon/hwmon4/temp3_input": "64000",
    "hwmon/hwmon4/power1_max": "190000000",
}
A770 = {"vendor": "0x8086", "device": "0x56a0", "uevent": "DRIVER=i915\n"}
UHD = {"vendor": "0x8086", "device": "0x4680", "uevent": "DRIVER=i915\n"}
LUNAR_LAKE = {"vendor": "0x8086", "device": "0x64a0", "uevent": "DRIVER=xe\n"}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def intel(machine: Machine) -> Intel:
    return Intel(proc=machine.proc, sys=machine.sys)


def xe(number: int, pdev: str = CARD, **sizes: str) -> dict[str, str]:
    facts = {"drm_driver": "xe", "drm_client_id": str(number), "drm_pdev": pdev}
    regions = {"system": "0", "gtt": "192 KiB", "vram0": "0", "stolen": "0"} | sizes
    totals = {f"drm_total_{region}": "9000 MiB" for region in regions}
    resident = {f"drm_resident_{region}": size for region, size in regions.items()}
    return {**facts, **totals, **resident, "drm_cycles_rcs": "28257900"}


def i915(number: int, pdev: str, **sizes: str) -> dict[str, str]:
    facts = {"drm_driver": "i915", "drm_client_id": str(number), "drm_pdev": pdev}
    return facts | {f"drm_resident_{region}": size for region, size in sizes.items()}


def charged(machine: Machine, file: str, **regions: str) -> None:
    lines = [f"drm/{CARD}/{region} {size}" for region, size in regions.items()]
    write(machine.sys / "fs/cgroup", {file: "\n".join([*lines, "drm/0000:99:00.0/vram0 1", "x"])})


def test_a_card_under_xe(machine: Machine):
    machine.card(0, CARD, B580, {"DP-1": "connected"})
    machine.program(7, "llama-server")
    machine.opens(7, 3, "/dev/dri/renderD128", **xe(1, vram0="4194304 KiB"))
    machine.opens(7, 4, "/dev/dri/renderD128", **xe(1, vram0="4194304 KiB"))  # duplicated
    machine.opens(7, 5, "/dev/dri/renderD128", **xe(2, vram0="1024 MiB", system="512 MiB"))
    assert intel(machine).read() == [
        Gpu(
            index=0, name="Intel Arc GPU E20B", total_mib=12288, free_mib=7168, used_mib=5120,
            processes=(GpuProcess(7, 5120, "llama-server"),), id=CARD, vendor="intel",
            driver="xe 6.14.0-29-generic", drives_display=True,
        )
    ]  # fmt: skip
    assert intel(machine).telemetry() == {
        CARD: Telemetry(temperature_c=58, power_limit_w=190.0, clock_mhz=2850, max_clock_mhz=2900)
    }


def test_what_the_control_groups_charge_counts_before_what_processes_show(machine: Machine):
    """It is of all users, and the capacity is what buffers may have of the card."""
    machine.card(0, CARD, B580)
    machine.program(7, "llama-server")
    machine.opens(7, 3, "/dev/dri/renderD128", **xe(1, vram0="1024 MiB"))
    charged(machine, "dmem.capacity", vram0=str(12000 << 20))
    charged(machine, "dmem.current", vram0=str(3000 << 20))
    [card] = intel(machine).read()
    assert (card.total_mib, card.used_mib, card.free_mib) == (12000, 3000, 9000)
    assert card.processes == (GpuProcess(7, 1024, "llama-server"),)


def test_the_tiles_of_a_card_count_together(machine: Machine):
    machine.card(0, CARD, B580 | {"tile1/physical_vram_size_bytes": "12884901888"})
    machine.program(7, "llama-server")
    machine.opens(7, 3, "/dev/dri/renderD128", **xe(1, vram0="1024 MiB", vram1="2048 MiB"))
    [card] = intel(machine).read()
    assert (card.total_mib, card.used_mib) == (24576, 3072)
    charged(machine, "dmem.capacity", vram0=str(12000 << 20), vram1=str(11000 << 20))
    assert intel(machine).read()[0].total_mib == 23000


def test_a_card_under_i915_shows_no_capacity_and_is_left_to_its_engine(machine: Machine):
    machine.card(0, CARD, A770)
    machine.program(7, "llama-server")
    machine.opens(7, 3, "/dev/dri/renderD128", **i915(1, CARD, local0="4096 MiB"))
    assert intel(machine).read() == []
    assert intel(machine).telemetry() == {CARD: Telemetry()}


@pytest.mark.parametrize(
    ("device", "opened"),
    [
        (UHD, i915(1, OWN, system0="2048 MiB", stolen_system0="64 MiB")),
        (LUNAR_LAKE, xe(1, OWN, system="1024 MiB", gtt="1024 MiB")),
    ],
    ids=["i915", "xe"],
)
def test_the_processors_own_graphics_lie_in_ram(
    machine: Machine, device: dict[str, str], opened: dict[str, str]
):
    machine.card(0, OWN, device)
    machine.program(7, "llama-server")
    machine.opens(7, 3, "/dev/dri/renderD128", **opened)
    [own] = intel(machine).read()
    assert (own.is_in_ram, own.total_mib, own.free_mib) == (True, 0, 0)
    assert own.name.startswith("Intel integrated GPU ")
    assert own.processes == (GpuProcess(7, 0, "llama-server", ram_mib=2048),)


def test_a_card_that_sleeps_is_not_woken_to_be_read(machine: Machine):
    machine.card(0, CARD, B580 | {"power/runtime_status": "suspended"})
    assert intel(machine).telemetry() == {CARD: Telemetry()}
    assert intel(machine).read()[0].total_mib == 12288


def test_clocks_of_i915_are_beside_its_card(machine: Machine):
    home = machine.card(0, OWN, UHD)
    write(home / "drm/card0", {"gt_act_freq_mhz": "1450", "gt_max_freq_mhz": "1550"})
    assert intel(machine).telemetry()[OWN] == Telemetry(clock_mhz=1450, max_clock_mhz=1550)


def test_a_card_that_another_driver_has_is_not_read(machine: Machine):
    machine.card(0, CARD, B580 | {"uevent": "DRIVER=vfio-pci\n"})
    assert (intel(machine).read(), intel(machine).telemetry()) == ([], {})


def test_cards_of_amd_and_intel_beside_each_other(machine: Machine):
    """An APU of AMD and a card of Intel: each process is counted by its own driver's regions."""
    machine.card(0, "0000:7a:00.0", {**RAPHAEL, "hwmon/hwmon1/in1_label": "vddnb"})
    machine.card(1, CARD, B580)
    machine.program(7, "llama-server")
    machine.opens(7, 3, "/dev/dri/renderD128", **client("0000:7a:00.0", 1, "100 MiB"))
    machine.opens(7, 4, "/dev/dri/renderD129", **xe(2, vram0="2048 MiB"))
    gpus = Gpus([Amd(proc=machine.proc, sys=machine.sys), intel(machine)])
    apu, card = gpus.read()
    assert [(gpu.index, gpu.vendor, gpu.is_in_ram) for gpu in (apu, card)] == [
        (0, "amd", True), (1, "intel", False),
    ]  # fmt: skip
    assert apu.processes == (GpuProcess(7, 100, "llama-server", ram_mib=8),)
    assert card.processes == (GpuProcess(7, 2048, "llama-server"),)
