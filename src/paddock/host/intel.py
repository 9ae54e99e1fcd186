"""Intel's GPUs, read from what the drivers xe and i915 show in sysfs.

A card's capacity is in the device memory of the control groups (Documentation/admin-guide/cgroup-v2.rst, DMEM: xe
registers `drm/PCI/vram0`, Linux 6.14 or newer), else in xe's `tile0/physical_vram_size_bytes`. i915 shows none: such
a card is left out here with what its processes hold, and counted by what its engine reports. Sensors: Documentation/ABI/testing/
sysfs-driver-intel-xe-hwmon and -i915-hwmon; clocks: Documentation/gpu/xe/xe_gt_freq.rst.

No such machine was at hand: this was written from the kernel's documents and sources.
"""

from dataclasses import replace
from pathlib import Path

from paddock.host import drm, drm_clients, kernel
from paddock.host.drm import Card
from paddock.host.gpu import Gpu, Telemetry
from paddock.host.kernel import PROC, SYS

_VENDOR = "0x8086"
_DRIVERS = ("xe", "i915")
_MIB = 1 << 20
_IN_THE_PROCESSOR = (
    "0000:00:02.0"  # where Intel's processors have their graphics, in every generation
)


class Intel:
    """The cards that xe or i915 runs. Holds nothing open; safe to read from several threads."""

    def __init__(self, *, proc: Path = PROC, sys: Path = SYS) -> None:
        self._proc, self._sys = proc, sys

    def read(self) -> list[Gpu]:
        """Those with a known memory now, in PCI order. Never raises."""
        cards = self._cards()
        users, borrowers = drm_clients.of_intel(proc=self._proc) if cards else ({}, {})
        found = (self._gpu(c, users.get(c.id, {}), borrowers.get(c.id, {})) for c in cards)
        known = [gpu for gpu in found if gpu is not None]
        return [replace(gpu, index=i) for i, gpu in enumerate(known)]

    def telemetry(self) -> dict[str, Telemetry]:
        """By PCI address. Never raises."""
        return {card.id: _telemetry(card) for card in self._cards()}

    def close(self) -> None:
        """There is nothing to close."""

    def _cards(self) -> list[Card]:
        return [
            card
            for card in drm.cards(self._sys)
            if kernel.text(card.device / "vendor") == _VENDOR and _driver(card) in _DRIVERS
        ]

    def _gpu(self, card: Card, users: dict[int, int], borrowers: dict[int, int]) -> Gpu | None:
        total = self._total(card)
        is_in_ram = total is None and card.id == _IN_THE_PROCESSOR
        if total is None and not is_in_ram:
            return None
        # What the firmware sets aside for the processor's graphics is no memory for models.
        total_mib = 0 if total is None else total // _MIB
        used_mib = 0 if is_in_ram else self._used(card, users)
        holders = borrowers if is_in_ram else users
        return Gpu(
            index=0,
            name=self._name(card, is_in_ram=is_in_ram),
            total_mib=total_mib,
            free_mib=max(0, total_mib - used_mib),
            used_mib=used_mib,
            processes=drm_clients.as_processes(
                holders, users, borrowers if is_in_ram else {}, proc=self._proc
            ),
            id=card.id,
            vendor="intel",
            driver=f"{_driver(card)} {kernel.text(self._proc / 'sys/kernel/osrelease') or ''}".strip(),
            drives_display=card.drives_display,
            is_in_ram=is_in_ram,
        )

    def _total(self, card: Card) -> int | None:
        """Bytes of its own memory, all tiles together; None where it has none or hides it."""
        capacity = self._regions("dmem.capacity", card)
        tiles = card.device.glob("tile*/physical_vram_size_bytes")
        sizes = [size for tile in tiles if (size := kernel.number(tile)) is not None]
        return sum(capacity or sizes) or None

    def _used(self, card: Card, users: dict[int, int]) -> int:
        """MiB of everybody, by the control group of all; else of the processes that we may look into."""
        charged = self._regions("dmem.current", card)
        return sum(charged) // _MIB if charged else sum(users.values())

    def _regions(self, file: str, card: Card) -> list[int]:
        """The values of a card's regions, from lines such as `drm/0000:03:00.0/vram0 8589934592`."""
        lines = (kernel.text(self._sys / "fs" / "cgroup" / file) or "").splitlines()
        pairs = (line.split() for line in lines)
        return [
            int(pair[1])
            for pair in pairs
            if len(pair) == 2 and pair[0].startswith(f"drm/{card.id}/vram") and pair[1].isdecimal()
        ]

    def _name(self, card: Card, *, is_in_ram: bool) -> str:
        """No driver names it, so its number must do: `Intel Arc GPU E20B`."""
        number = (kernel.text(card.device / "device") or "").removeprefix("0x").upper()
        return f"Intel {'integrated' if is_in_ram else 'Arc'} GPU {number}".strip()


def _driver(card: Card) -> str:
    for line in (kernel.text(card.device / "uevent") or "").splitlines():
        key, _, said = line.partition("=")
        if key == "DRIVER":
            return said
    return ""


def _telemetry(card: Card) -> Telemetry:
    """Power is not shown, only energy since the start; how busy it is, not at all."""
    if kernel.text(card.device / "power" / "runtime_status") == "suspended":
        return Telemetry()  # reading a sensor would wake it up
    sensors = next(iter(sorted(card.device.glob("hwmon/hwmon*"))), card.device / "hwmon")
    package = kernel.number(sensors / "temp2_input")  # xe's; millidegrees
    limit = kernel.number(sensors / "power1_max")  # microwatts; 0: there is none
    clock = kernel.number(card.device / "tile0/gt0/freq0/act_freq")
    most = kernel.number(card.device / "tile0/gt0/freq0/max_freq")
    return Telemetry(
        temperature_c=None if package is None else package // 1000,
        power_limit_w=limit / 1e6 if limit else None,
        clock_mhz=_first(clock, kernel.number(card.node / "gt_act_freq_mhz")),
        max_clock_mhz=_first(most, kernel.number(card.node / "gt_max_freq_mhz")),
    )


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)
