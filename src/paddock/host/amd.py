"""AMD's GPUs, read from what the amdgpu driver shows in sysfs.

Memory is in Documentation/gpu/amdgpu/driver-misc.rst, sensors and clocks in thermal.rst beside it.
"""

import re
from functools import cache
from pathlib import Path

from paddock.host import drm, drm_clients, kernel
from paddock.host.drm import Card
from paddock.host.gpu import Gpu, Telemetry
from paddock.host.kernel import PROC, SYS

_VENDOR = "0x1002"
_MIB = 1 << 20
_IDS = Path("/usr/share/libdrm/amdgpu.ids")  # names of AMD's products, from the package libdrm


class Amd:
    """The cards that amdgpu runs. Holds nothing open; safe to read from several threads."""

    def __init__(self, *, proc: Path = PROC, sys: Path = SYS, ids: Path = _IDS) -> None:
        self._proc, self._sys, self._ids = proc, sys, ids

    def read(self) -> list[Gpu]:
        """All of them now, in PCI order. Never raises."""
        cards = self._cards()
        users = drm_clients.vram(proc=self._proc, sys=self._sys) if cards else {}
        in_ram = any(_is_in_ram(card.device) for card in cards)
        borrowers = drm_clients.ram(proc=self._proc) if in_ram else {}
        return [
            self._gpu(i, card, users.get(card.id, {}), borrowers.get(card.id, {}))
            for i, card in enumerate(cards)
        ]

    def telemetry(self) -> dict[str, Telemetry]:
        """By PCI address. Never raises."""
        return {card.id: _telemetry(card.device) for card in self._cards()}

    def close(self) -> None:
        """There is nothing to close."""

    def _cards(self) -> list[Card]:
        """Only cards that amdgpu runs: with radeon, or passed to a virtual machine, they cannot compute."""
        return [
            card
            for card in drm.cards(self._sys)
            if kernel.text(card.device / "vendor") == _VENDOR
            and kernel.number(card.device / "mem_info_vram_total") is not None
        ]

    def _gpu(self, index: int, card: Card, users: dict[int, int], borrowers: dict[int, int]) -> Gpu:
        # VRAM only, also of an APU, whose VRAM is the part of RAM that the firmware set aside. What it
        # can borrow beyond that (mem_info_gtt_*) is the host's ordinary memory, and is counted there:
        # counting it here too would give the same bytes away twice. `is_in_ram` says that it does.
        is_in_ram = _is_in_ram(card.device)
        holders = users.keys() | (borrowers.keys() if is_in_ram else set())
        total = kernel.number(card.device / "mem_info_vram_total")
        used = kernel.number(card.device / "mem_info_vram_used")
        return Gpu(
            index=index,
            name=self._name(card.device),
            total_mib=_mib(total),
            free_mib=None if total is None or used is None else _mib(max(0, total - used)),
            used_mib=_mib(used),
            processes=drm_clients.as_processes(
                holders, users, borrowers if is_in_ram else {}, proc=self._proc
            ),
            id=card.id,
            vendor="amd",
            driver=self._driver(),
            drives_display=card.drives_display,
            is_in_ram=is_in_ram,
            lendable_mib=_lendable(card.device) if is_in_ram else None,
        )

    def _name(self, device: Path) -> str:
        """The card's own (professional ones have it), the package's, or its number."""
        number = tuple(
            (kernel.text(device / key) or "").removeprefix("0x").upper()
            for key in ("device", "revision")
        )
        own = kernel.text(device / "product_name")
        return own or _products(self._ids).get(number) or f"AMD GPU {number[0]}"

    def _driver(self) -> str:
        """Of AMD's own package, else of the kernel that it is a part of."""
        own = kernel.text(self._sys / "module" / "amdgpu" / "version")
        return own or kernel.text(self._proc / "sys" / "kernel" / "osrelease") or ""


def _is_in_ram(device: Path) -> bool:
    """Whether it is a part of the processor: only such have the northbridge's voltage (amdgpu_pm.c)."""
    return any(kernel.text(label) == "vddnb" for label in device.glob("hwmon/hwmon*/in1_label"))


def _lendable(device: Path) -> int | None:
    """MiB of RAM that the driver would still map for it: half of all, unless somebody set another limit."""
    total = kernel.number(device / "mem_info_gtt_total")
    used = kernel.number(device / "mem_info_gtt_used")
    return None if total is None or used is None else _mib(max(0, total - used))


def _telemetry(device: Path) -> Telemetry:
    """Without throttling, which only `gpu_metrics` has, in layouts that differ by chip."""
    if kernel.text(device / "power" / "runtime_status") == "suspended":
        return Telemetry()  # reading a sensor would wake it up (kernels before 6.13)
    sensors = next(iter(sorted(device.glob("hwmon/hwmon*"))), device / "hwmon")
    millidegrees = kernel.number(sensors / "temp1_input")
    busy = kernel.number(device / "gpu_busy_percent")
    return Telemetry(
        utilization=None if busy is None else busy / 100,
        temperature_c=None if millidegrees is None else millidegrees // 1000,
        power_w=_millionth(
            sensors, "power1_average", "power1_input"
        ),  # newer chips have the second
        power_limit_w=_millionth(sensors, "power1_cap"),
        clock_mhz=_whole(_millionth(sensors, "freq1_input")),
        max_clock_mhz=_max_clock(kernel.text(device / "pp_dpm_sclk") or ""),
    )


def _millionth(sensors: Path, *names: str) -> float | None:
    """The first of these sensors that has a value: watts from microwatts, MHz from Hz."""
    values = (kernel.number(sensors / name) for name in names)
    return next((value / 1e6 for value in values if value is not None), None)


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _max_clock(levels: str) -> int | None:
    """The largest of lines such as `1: 2304Mhz *`."""
    return max(map(int, re.findall(r"(\d+)\s*mhz", levels.lower())), default=None)


def _mib(size: int | None) -> int | None:
    return None if size is None else size // _MIB


@cache
def _products(ids: Path) -> dict[tuple[str, ...], str]:
    """Names by device and revision, from lines such as `744C,\tC8,\tAMD Radeon RX 7900 XTX`."""
    lines = (line.split(",\t") for line in (kernel.text(ids) or "").splitlines())
    return {(words[0], words[1]): words[2] for words in lines if len(words) == 3}
