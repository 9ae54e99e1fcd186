"""The cards that the kernel's DRM knows (/sys/class/drm), and whether a monitor hangs on one.

A connector is a folder `card0-DP-1` beside its card. Reading its `status` asks no monitor, it repeats
what the driver saw last (drivers/gpu/drm/drm_sysfs.c, status_show), so that it costs nothing.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from paddock.host import kernel
from paddock.host.gpu import pci_address

_CARD = re.compile(r"card\d+")


@dataclass(frozen=True, slots=True)
class Card:
    """One card on the PCI bus."""

    node: Path  # /sys/class/drm/card0
    id: str  # its PCI address: `0000:03:00.0`

    @property
    def device(self) -> Path:
        return self.node / "device"

    @property
    def drives_display(self) -> bool:
        connectors = self.node.parent.glob(f"{self.node.name}-*/status")
        return any(kernel.text(status) == "connected" for status in connectors)


def cards(sys: Path = kernel.SYS) -> list[Card]:
    """All of them, in the order of their addresses; none in a container or without the module."""
    found = []
    for node in (sys / "class" / "drm").glob("card*"):
        address = _address(node) if _CARD.fullmatch(node.name) else ""
        if address:
            found.append(Card(node, address))
    return sorted(found, key=lambda card: card.id)


def displays(sys: Path = kernel.SYS) -> dict[str, bool]:
    """By PCI address: whether a monitor is connected."""
    return {card.id: card.drives_display for card in cards(sys)}


def _address(node: Path) -> str:
    """From `PCI_SLOT_NAME=0000:03:00.0`; "" for what is on no PCI bus."""
    for line in (kernel.text(node / "device" / "uevent") or "").splitlines():
        key, _, said = line.partition("=")
        if key == "PCI_SLOT_NAME":
            return pci_address(said)
    return ""
