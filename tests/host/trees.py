"""Trees of files as the kernel shows them, written to a folder: /sys and /proc of machines not at hand."""

from collections.abc import Mapping
from pathlib import Path


class Machine:
    """A made-up machine's /sys and /proc."""

    def __init__(self, root: Path) -> None:
        self.sys, self.proc = root / "sys", root / "proc"
        (self.sys / "class" / "drm").mkdir(parents=True)
        write(self.proc, {"sys/kernel/osrelease": "6.14.0-29-generic"})

    def card(
        self,
        number: int,
        slot: str,
        device: Mapping[str, str],
        connectors: Mapping[str, str] | None = None,
    ) -> Path:
        """A card of DRM: class/drm/cardN links to a folder under its PCI device, as in the kernel."""
        home = self.sys / "devices" / "pci0000:00" / slot
        write(home, {**device, "uevent": f"{device.get('uevent', '')}PCI_SLOT_NAME={slot}"})
        self._node(home, f"card{number}")
        for connector, status in (connectors or {}).items():
            name = f"card{number}/card{number}-{connector}"
            write(home / "drm" / name, {"status": status, "enabled": "disabled"})
            self._link(name.partition("/")[2], home / "drm" / name)
        return home

    def program(self, pid: int, comm: str) -> Path:
        write(self.proc / str(pid), {"comm": comm})
        (self.proc / str(pid) / "fd").mkdir()
        return self.proc / str(pid)

    def opens(self, pid: int, number: int, target: str, **fdinfo: str) -> None:
        """The process has this file open, and /proc/PID/fdinfo shows this of it."""
        process = self.proc / str(pid)
        (process / "fd" / str(number)).symlink_to(target)
        lines = "".join(f"{key.replace('_', '-')}:\t{said}\n" for key, said in fdinfo.items())
        write(process, {f"fdinfo/{number}": f"pos:\t0\nflags:\t02100002\n{lines}"})

    def _node(self, home: Path, name: str) -> None:
        node = home / "drm" / name
        node.mkdir(parents=True)
        (node / "device").symlink_to(home)
        self._link(name, node)
        write(self.sys / "class" / "drm", {"version": "drm 1.1.0 20060810"})

    def _link(self, name: str, target: Path) -> None:
        (self.sys / "class" / "drm" / name).symlink_to(target)


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")
