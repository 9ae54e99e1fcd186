"""NVIDIA's GPUs, as NVML reports them: made up here, with the answers of two real H100."""

import logging
from pathlib import Path
from typing import Any

import pynvml
import pytest

from paddock.host.gpu import Gpu, GpuProcess, Telemetry
from paddock.host.nvidia import Nvidia
from tests.host.made_up_nvml import (
    LOST,
    NOT_FOUND,
    NOT_SUPPORTED,
    MadeUpCard,
    MadeUpNvml,
    h100s,
    without,
)
from tests.host.trees import Machine

FIRST, SECOND = "0000:00:06.0", "0000:00:07.0"
ESSENTIAL = {"nvmlDeviceGetCount", "nvmlDeviceGetHandleByIndex"}
NO_NAMES: dict[str, Exception] = {"nvmlSystemGetProcessName": NOT_FOUND}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Its kernel knows one of the two processes; the other is in a container."""
    machine = Machine(tmp_path)
    machine.program(7088, "llama-server")
    return machine


def nvidia(nvml: Any, machine: Machine) -> Nvidia:
    return Nvidia(nvml, proc=machine.proc, sys=machine.sys)


def test_two_cards_on_a_made_up_driver(machine: Machine):
    first, second = nvidia(MadeUpNvml(), machine).read()
    assert first == Gpu(
        index=0,
        name="NVIDIA H100 80GB HBM3",
        total_mib=81559,
        free_mib=1096,
        used_mib=79982,
        processes=(GpuProcess(6559, 72198, "hog"), GpuProcess(7088, 7770, "llama-server")),
        id=FIRST,
        vendor="nvidia",
        driver="580.159.04",
        drives_display=False,
    )
    assert (second.index, second.id, second.free_mib) == (1, SECOND, 1302)
    assert [p.used_mib for p in second.processes] == [76294, 3468]


def test_what_the_driver_reserves_is_nobodys_on_a_made_up_driver(machine: Machine):
    """The processes account for all but 14 MiB of what is used."""
    first, _ = nvidia(MadeUpNvml(), machine).read()
    assert first.used_mib is not None
    assert first.used_mib - sum(p.used_mib or 0 for p in first.processes) == 14


def test_old_memory_figures_count_it_as_used_on_a_made_up_driver(machine: Machine):
    nvml = MadeUpNvml()
    nvml.memory_versions = (None,)
    first, _ = nvidia(nvml, machine).read()
    assert (first.total_mib, first.free_mib, first.used_mib) == (81559, 1096, 79982 + 480)


def test_telemetry_on_a_made_up_driver(machine: Machine):
    telemetry = nvidia(MadeUpNvml(), machine).telemetry()
    assert list(telemetry) == [FIRST, SECOND]
    assert telemetry[FIRST] == Telemetry(
        utilization=0.01,
        temperature_c=34,
        power_w=122.773,
        power_limit_w=700.0,
        clock_mhz=1980,
        max_clock_mhz=1980,
    )


def test_a_process_that_computes_and_draws_is_one_on_a_made_up_driver(machine: Machine):
    card = MadeUpCard("00000000:01:00.0", 8 << 30, 4 << 30, [(7, 900 << 20), (8, None)])
    card.graphics = [(7, 1000 << 20), (8, 64 << 20), (9, None)]
    (read,) = nvidia(MadeUpNvml([card], broken=NO_NAMES), machine).read()
    assert read.processes == (GpuProcess(7, 1000), GpuProcess(8, 64), GpuProcess(9, None))


def test_bytes_and_capitals_are_understood_on_a_made_up_driver(machine: Machine):
    card = MadeUpCard(b"00000001:0A:00.0", 1, 1, [], name=b"NVIDIA GeForce RTX 3090")
    (read,) = nvidia(MadeUpNvml([card]), machine).read()
    assert (read.id, read.name) == ("0001:0a:00.0", "NVIDIA GeForce RTX 3090")


def test_a_gpu_of_unified_memory_lies_in_ram_on_a_made_up_driver(machine: Machine):
    """DGX Spark's driver supports no question for its memory, and says what processes hold."""
    card = MadeUpCard("0000000f:01:00.0", 0, 0, [(7, 900 << 20), (8, None)], name="NVIDIA GB10")
    mute: dict[str, Exception] = {**NO_NAMES, "nvmlDeviceGetMemoryInfo": NOT_SUPPORTED}
    (read,) = nvidia(MadeUpNvml([card], broken=mute), machine).read()
    assert (read.is_in_ram, read.total_mib, read.free_mib) == (True, None, None)
    assert read.processes == (GpuProcess(7, 0, ram_mib=900), GpuProcess(8, None))
    lost = MadeUpNvml([card], broken={**mute, "nvmlDeviceGetMemoryInfo": LOST})
    assert not nvidia(lost, machine).read()[0].is_in_ram, "it may have memory that nobody reads now"


@pytest.mark.parametrize("error", [NOT_SUPPORTED, NOT_FOUND, pynvml.NVMLLibraryMismatchError()])
def test_a_card_that_reports_nothing_is_listed_all_the_same_on_a_made_up_driver(
    machine: Machine, error: Exception
):
    opening = {"nvmlInit", "nvmlShutdown", "nvmlDeviceGetCount", "nvmlDeviceGetHandleByIndex"}
    mute = {name: error for name in dir(MadeUpNvml) if name.startswith("nvml")}
    nvml = MadeUpNvml(h100s()[:1], broken={k: v for k, v in mute.items() if k not in opening})
    assert nvidia(nvml, machine).read() == [Gpu(0, "GPU")]
    assert nvidia(nvml, machine).telemetry() == {}, "without an address, whose would it be"


@pytest.mark.parametrize(
    "name", [n for n in dir(MadeUpNvml) if n.startswith(("nvmlDeviceGet", "nvmlSystem"))]
)
def test_each_question_may_fail_alone_on_a_made_up_driver(machine: Machine, name: str):
    driver = nvidia(MadeUpNvml(broken={name: LOST}), machine)
    whole = nvidia(MadeUpNvml(), machine)
    assert len(driver.read()) == (0 if name in ESSENTIAL else 2)
    assert len(driver.telemetry()) == (0 if name in {*ESSENTIAL, "nvmlDeviceGetPciInfo"} else 2)
    for read, complete in zip(driver.read(), whole.read(), strict=False):
        lost = [f for f in Gpu.__dataclass_fields__ if getattr(read, f) != getattr(complete, f)]
        assert len(lost) <= 3, lost


def test_older_functions_are_asked_where_newer_ones_fail_on_a_made_up_driver(machine: Machine):
    mismatch = pynvml.NVMLLibraryMismatchError("use nvmlDeviceGetComputeRunningProcesses_v2")
    old = MadeUpNvml(
        [*h100s()[:1]],
        broken={
            "nvmlDeviceGetComputeRunningProcesses": mismatch,
            "nvmlDeviceGetGraphicsRunningProcesses": mismatch,
            "nvmlDeviceGetCurrentClocksEventReasons": NOT_FOUND,
        },
    )
    old.cards[0].reasons = 0x04
    nvml = without(old, "nvmlDeviceGetTemperatureV", "nvmlDeviceGetGraphicsRunningProcesses_v2")
    driver = nvidia(nvml, machine)
    assert [p.used_mib for p in driver.read()[0].processes] == [72198, 7770]
    telemetry = driver.telemetry()[FIRST]
    assert (telemetry.temperature_c, telemetry.throttled) == (34, ("power",))


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("GpuIdle", ()),
        ("ApplicationsClocksSetting", ()),
        ("SyncBoost", ()),
        ("DisplayClockSetting", ()),
        ("SwPowerCap", ("power",)),
        ("SwThermalSlowdown", ("thermal",)),
        ("HwThermalSlowdown", ("thermal",)),
        ("HwSlowdown", ("hardware",)),
        ("HwPowerBrakeSlowdown", ("hardware",)),
        ("All", ("thermal", "power", "hardware")),
    ],
)
def test_reasons_for_low_clocks_on_a_made_up_driver(
    machine: Machine, reason: str, words: tuple[str, ...]
):
    """The bits are those of the real binding."""
    nvml = MadeUpNvml(h100s()[:1])
    nvml.cards[0].reasons = getattr(pynvml, f"nvmlClocksEventReason{reason}")
    assert nvidia(nvml, machine).telemetry()[FIRST].throttled == words


def test_a_monitor_is_seen_by_nvml_or_by_the_kernel_on_a_made_up_driver(machine: Machine):
    machine.card(0, FIRST, {"vendor": "0x10de"}, {"DP-1": "disconnected", "HDMI-A-1": "connected"})
    machine.card(1, SECOND, {"vendor": "0x10de"}, {"DP-2": "disconnected"})
    nvml = MadeUpNvml()
    assert [gpu.drives_display for gpu in nvidia(nvml, machine).read()] == [True, False]
    nvml.cards[1].display = 1
    assert [gpu.drives_display for gpu in nvidia(nvml, machine).read()] == [True, True]


def test_without_nvmls_word_the_kernel_decides_on_a_made_up_driver(machine: Machine):
    machine.card(0, FIRST, {"vendor": "0x10de"}, {"DP-1": "disconnected"})
    nvml = MadeUpNvml(broken={"nvmlDeviceGetDisplayActive": NOT_SUPPORTED})
    assert [gpu.drives_display for gpu in nvidia(nvml, machine).read()] == [False, None]


def test_a_card_that_fell_off_the_bus_hides_no_other_on_a_made_up_driver(
    machine: Machine, caplog: pytest.LogCaptureFixture
):
    class Losing(MadeUpNvml):
        def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
            if index == 0:
                raise LOST
            return index

    nvml = Losing()
    driver = nvidia(nvml, machine)
    with caplog.at_level(logging.WARNING):
        assert [(gpu.index, gpu.id) for gpu in driver.read()] == [(1, SECOND)]
        driver.read()
    assert len(caplog.records) == 1, "telemetry once"
    assert nvml.opened == 1


def test_a_driver_that_fails_is_opened_anew_on_a_made_up_driver(machine: Machine):
    class Reloaded(MadeUpNvml):
        loaded = True

        def nvmlDeviceGetCount(self) -> int:  # noqa: N802
            if not self.loaded:
                raise LOST
            return len(self.cards)

    nvml = Reloaded()
    driver = nvidia(nvml, machine)
    assert (len(driver.read()), nvml.opened) == (2, 1)
    nvml.loaded = False
    assert (driver.read(), nvml.opened) == ([], 0)
    nvml.loaded = True
    assert (len(driver.read()), nvml.opened) == (2, 1)
    driver.close()
    driver.close()
    assert nvml.opened == 0


def test_no_library_is_no_gpu_on_a_made_up_driver(machine: Machine):
    absent = pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)
    driver = nvidia(MadeUpNvml(broken={"nvmlInit": absent}), machine)
    assert (driver.read(), driver.telemetry()) == ([], {})
    driver.close()


def test_every_function_asked_for_is_in_the_real_binding():
    for name in dir(MadeUpNvml):
        if name.startswith("nvml"):
            assert callable(getattr(pynvml, name)), name
