"""AMD's GPUs, from trees of files that say what amdgpu says. No such card is at hand here."""

from pathlib import Path

import pytest

from paddock.host.amd import Amd
from paddock.host.gpu import Gpu, GpuProcess, Telemetry
from tests.host.trees import Machine, write

RX7900 = {
    "vendor": "0x1002",
    "device": "0x744c",
    "revision": "0xc8",
    "uevent": "DRIVER=amdgpu\nPCI_CLASS=30000\nPCI_ID=1002:744C\n",
    "mem_info_vram_total": "25753026560",
    "mem_info_vram_used": "1826545664",
    "mem_info_gtt_total": "33548005376",
    "gpu_busy_percent": "37",
    "pp_dpm_sclk": "0: 500Mhz \n1: 1210Mhz *\n2: 2526Mhz ",
    "power/runtime_status": "active",
    "hwmon/hwmon3/name": "amdgpu",
    "hwmon/hwmon3/temp1_input": "54000",
    "hwmon/hwmon3/temp2_input": "61000",
    "hwmon/hwmon3/power1_average": "88000000",
    "hwmon/hwmon3/power1_cap": "327000000",
    "hwmon/hwmon3/freq1_input": "1210000000",
}
RAPHAEL = {
    "vendor": "0x1002",
    "device": "0x164e",
    "revision": "0xc1",
    "uevent": "DRIVER=amdgpu\n",
    "mem_info_vram_total": "536870912",
    "mem_info_vram_used": "54525952",
    "mem_info_gtt_total": "33548005376",
    "mem_info_gtt_used": "20971520",
    "gpu_busy_percent": "0",
    "power/runtime_status": "active",
    "hwmon/hwmon1/temp1_input": "41000",
    "hwmon/hwmon1/power1_input": "32104000",
    "hwmon/hwmon1/freq1_input": "600000000",
}
IDS = "# List of AMDGPU IDs\n\n1.0.0\n744C,\tC8,\tAMD Radeon RX 7900 XTX\n744C,\tCC,\tAMD Radeon RX 7900 XT\n"
DISCRETE = "0000:03:00.0"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def desktop(machine: Machine) -> Machine:
    """A card that drives the display, and the processor's own graphics, which the kernel found first."""
    machine.card(0, "0000:7a:00.0", RAPHAEL, {"DP-4": "disconnected", "Writeback-1": "unknown"})
    machine.card(1, DISCRETE, RX7900, {"DP-1": "connected", "HDMI-A-1": "disconnected"})
    return machine


def amd(machine: Machine) -> Amd:
    write(machine.sys.parent, {"amdgpu.ids": IDS})
    return Amd(proc=machine.proc, sys=machine.sys, ids=machine.sys.parent / "amdgpu.ids")


def client(pdev: str, number: int, vram: str, *, key: str = "drm_memory_vram") -> dict[str, str]:
    facts = {"drm_driver": "amdgpu", "drm_pdev": pdev, "drm_client_id": str(number), key: vram}
    return {**facts, "drm_memory_gtt": "8192 KiB", "drm_engine_gfx": "107322799 ns"}


def test_a_card_and_the_processors_own_graphics_are_read_in_pci_order(desktop: Machine):
    discrete, own = amd(desktop).read()
    assert discrete == Gpu(
        index=0,
        name="AMD Radeon RX 7900 XTX",
        total_mib=24560,
        free_mib=22818,
        used_mib=1741,
        id=DISCRETE,
        vendor="amd",
        driver="6.14.0-29-generic",
        drives_display=True,
    )
    assert (own.index, own.id, own.name) == (1, "0000:7a:00.0", "AMD GPU 164E")
    assert own.drives_display is False


def test_the_processors_graphics_have_their_vram_and_not_what_they_may_borrow(desktop: Machine):
    own = amd(desktop).read()[1]
    assert (own.total_mib, own.used_mib, own.free_mib) == (512, 52, 460)


def test_what_the_processors_graphics_hold_of_ram_is_reported_beside_it(desktop: Machine):
    """The northbridge's voltage distinguishes them from a card; a card's use of RAM is none of its memory."""
    home = desktop.sys / "devices" / "pci0000:00" / "0000:7a:00.0"
    write(home, {"hwmon/hwmon1/in1_label": "vddnb"})
    desktop.program(4242, "llama-server")
    card = client("0000:7a:00.0", 71, "102400 KiB") | {"drm_memory_gtt": "6291456 KiB"}
    desktop.opens(4242, 5, "/dev/dri/renderD128", **card)
    desktop.opens(4242, 6, "/dev/dri/renderD129", **client(DISCRETE, 72, "1024 MiB"))
    discrete, own = amd(desktop).read()
    assert (own.is_in_ram, discrete.is_in_ram) == (True, False)
    assert own.processes == (GpuProcess(4242, 100, "llama-server", ram_mib=6144),)
    assert discrete.processes == (GpuProcess(4242, 1024, "llama-server"),)
    assert own.lendable_mib == 31973, "of gtt, less what is lent; a card has memory of its own"
    assert discrete.lendable_mib is None


def test_of_a_driver_that_says_nothing_of_the_ram_it_lends_no_limit_is_known(desktop: Machine):
    home = desktop.sys / "devices" / "pci0000:00" / "0000:7a:00.0"
    write(home, {"hwmon/hwmon1/in1_label": "vddnb"})
    (home / "mem_info_gtt_used").unlink()
    assert amd(desktop).read()[1].lendable_mib is None


def test_sensors_of_both(desktop: Machine):
    assert amd(desktop).telemetry() == {
        DISCRETE: Telemetry(
            utilization=0.37,
            temperature_c=54,
            power_w=88.0,
            power_limit_w=327.0,
            clock_mhz=1210,
            max_clock_mhz=2526,
        ),
        "0000:7a:00.0": Telemetry(utilization=0.0, temperature_c=41, power_w=32.104, clock_mhz=600),
    }


def test_a_card_that_sleeps_is_not_woken_to_be_read(machine: Machine):
    machine.card(0, DISCRETE, {**RX7900, "power/runtime_status": "suspended"})
    assert amd(machine).telemetry() == {DISCRETE: Telemetry()}
    assert amd(machine).read()[0].total_mib == 24560


def test_what_a_card_does_not_tell_is_unknown(machine: Machine):
    machine.card(0, DISCRETE, {"vendor": "0x1002", "mem_info_vram_total": "25753026560"})
    (card,) = amd(machine).read()
    assert (card.total_mib, card.free_mib, card.used_mib) == (24560, None, None)
    assert amd(machine).telemetry() == {DISCRETE: Telemetry()}


def test_cards_of_others_and_cards_without_amdgpu_are_not_amds(machine: Machine):
    machine.card(0, "0000:00:02.0", {"vendor": "0x8086"})
    machine.card(1, "0000:04:00.0", {"vendor": "0x1002", "device": "0x6779"})  # run by radeon
    assert amd(machine).read() == []
    assert amd(machine).telemetry() == {}


def test_a_machine_without_cards_has_none(tmp_path: Path):
    nowhere = Amd(proc=tmp_path / "proc", sys=tmp_path / "sys")
    assert (nowhere.read(), nowhere.telemetry()) == ([], {})
    nowhere.close()


def test_a_card_with_a_name_of_its_own_is_called_by_it(machine: Machine):
    machine.card(0, DISCRETE, {**RX7900, "product_name": "AMD Radeon PRO W7900"})
    write(machine.sys, {"module/amdgpu/version": "6.12.12"})
    (card,) = amd(machine).read()
    assert (card.name, card.driver) == ("AMD Radeon PRO W7900", "6.12.12")


def test_each_process_is_counted_once_for_each_card_however_often_it_opened_it(desktop: Machine):
    server = desktop.program(4242, "llama-server")
    node = "/dev/dri/renderD129"
    desktop.opens(4242, 5, node, **client(DISCRETE, 71, "9437184 KiB"))
    desktop.opens(
        4242, 6, node, **client(DISCRETE, 71, "9437184 KiB")
    )  # duplicated: the same client
    desktop.opens(4242, 7, node, **client(DISCRETE, 72, "1024 MiB"))
    desktop.opens(4242, 8, "/dev/dri/renderD128", **client("0000:7a:00.0", 73, "0"))
    desktop.opens(4242, 9, "/tmp/model.gguf", **client(DISCRETE, 74, "5 MiB"))  # no card
    desktop.program(1700, "gnome-shell")
    desktop.opens(1700, 12, node, **client(DISCRETE, 3, "268435456"))  # bytes, without a unit
    desktop.program(9, "bash")
    discrete, own = amd(desktop).read()
    assert set(discrete.processes) == {
        GpuProcess(4242, 10240, "llama-server"),
        GpuProcess(1700, 256, "gnome-shell"),
    }
    assert own.processes == (), "opened, and nothing in it"
    assert server.is_dir()


@pytest.mark.parametrize("key", ["drm_resident_vram", "drm_memory_vram", "drm_total_vram"])
def test_old_and_new_kernels_are_understood(desktop: Machine, key: str):
    desktop.program(7, "llama-server")
    desktop.opens(7, 3, "/dev/dri/card1", **client(DISCRETE, 1, "2097152 KiB", key=key))
    assert amd(desktop).read()[0].processes == (GpuProcess(7, 2048, "llama-server"),)


def test_what_lies_in_vram_counts_before_what_was_asked_for(desktop: Machine):
    desktop.program(7, "llama-server")
    both = client(DISCRETE, 1, "4096 MiB", key="drm_total_vram") | {"drm_resident_vram": "1024 MiB"}
    desktop.opens(7, 3, "/dev/dri/card1", **both)
    assert amd(desktop).read()[0].processes == (GpuProcess(7, 1024, "llama-server"),)


def test_files_of_other_drivers_and_nonsense_are_passed_over(desktop: Machine):
    desktop.program(7, "Xorg")
    desktop.opens(7, 3, "/dev/dri/card2", drm_driver="i915", drm_pdev=DISCRETE)
    desktop.opens(7, 4, "/dev/dri/card1", **client(DISCRETE, 1, "many KiB"))
    desktop.opens(7, 5, "/dev/dri/card1", **client(DISCRETE, 2, "7 parsecs"))
    (desktop.proc / "7" / "fd" / "6").symlink_to(
        "/dev/dri/card1"
    )  # closed before its fdinfo was read
    assert amd(desktop).read()[0].processes == ()


def test_rocms_own_books_tell_of_processes_that_we_may_not_look_into(desktop: Machine):
    write(
        desktop.sys / "class/kfd/kfd",
        {
            "topology/nodes/0/gpu_id": "0",
            "topology/nodes/0/properties": "cpu_cores_count 16\nsimd_count 0\nlocation_id 0",
            "topology/nodes/1/gpu_id": "45210",
            "topology/nodes/1/properties": "simd_count 192\nlocation_id 768\ndomain 0",
            "proc/4242/pasid": "32770",
            "proc/4242/vram_45210": str(9 << 30),
            "proc/5151/vram_45210": str(3 << 30),
            "proc/5151/vram_1": str(1 << 30),  # of a card that is no more
            "proc/6000/vram_45210": "0",
        },
    )
    desktop.program(4242, "llama-server")
    desktop.opens(4242, 5, "/dev/dri/renderD129", **client(DISCRETE, 71, "10240 MiB"))
    discrete, own = amd(desktop).read()
    assert set(discrete.processes) == {
        GpuProcess(4242, 10240, "llama-server"),
        GpuProcess(5151, 3072, ""),
    }
    assert own.processes == ()
