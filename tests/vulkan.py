"""GPUs that Vulkan sees, without GPUs: Mesa's lavapipe is a real Vulkan device on the processor.

llama.cpp's Vulkan backend, its fit, its logs and its inference are the real ones. What a layer of the tests' own
(`vklie.c`) makes up are memory, type, PCI address and name; what its processes hold is not free, as on a card.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("vklie.c")
ENGINE = Path(sys.prefix) / "vulkan" / "llama-server"
MISSING = "needs llama-server with Vulkan: `make vulkan` builds one"
_ICDS = Path("/usr/share/vulkan/icd.d")
_MIB = 1 << 20


@dataclass(frozen=True)
class Made:
    """A device that is made up; `pci` "" for one that reports none."""

    mib: int
    pci: str = "0000:03:00.0"
    is_integrated: bool = False
    name: str = "Made-up GPU"

    @property
    def text(self) -> str:
        kind = "integrated" if self.is_integrated else "discrete"
        return f"{self.mib},{kind},{self.pci or '-'},{self.name}"


@dataclass(frozen=True)
class Cards:
    """Devices Vulkan0, Vulkan1, … as engines with this environment see them."""

    env: dict[str, str]
    use: Path = field(repr=False)  # where processes note what they hold

    def others_hold(self, place: int, mib: int) -> None:
        """So much of a device belongs to other programs from now on."""
        (self.use / f"1.{place}").write_text(str(mib * _MIB))

    def held_mib(self, pid: int, place: int = 0) -> int:
        """What a process holds there, by the layer's own count."""
        return int((self.use / f"{pid}.{place}").read_text()) // _MIB


def lavapipe() -> Path | None:
    """The description of its driver, for the loader."""
    return next(iter(sorted(_ICDS.glob("lvp_icd*.json"))), None)


needs_vulkan = pytest.mark.skipif(not ENGINE.is_file() or lavapipe() is None, reason=MISSING)


def cards(folder: Path, *devices: Made) -> Cards:
    """These devices; `folder` is for the layer and its files."""
    driver = lavapipe()
    assert driver is not None
    use = folder / "use"
    use.mkdir(parents=True)
    layer = folder / "layer"
    layer.mkdir()
    (layer / "vklie.json").write_text(json.dumps(_layer(_library(layer))))
    drivers = [folder / f"driver{i}.json" for i in range(len(devices))]
    for copy in drivers:  # the loader counts each description as a driver with a device of its own
        copy.write_text(driver.read_text())
    return Cards(
        {
            "VK_ICD_FILENAMES": ":".join(map(str, drivers)),
            "VK_ADD_LAYER_PATH": str(layer),
            "VK_INSTANCE_LAYERS": "VK_LAYER_PADDOCK_vklie",
            "NODEVICE_SELECT": "1",  # Mesa's layer that puts devices into another order
            "LP_NUM_THREADS": "1",
            "FAKE_VULKAN": ";".join(device.text for device in devices),
            "FAKE_VULKAN_USE": str(use),
        },
        use,
    )


def _layer(library: Path) -> dict[str, object]:
    return {
        "file_format_version": "1.2.0",
        "layer": {
            "name": "VK_LAYER_PADDOCK_vklie",
            "type": "GLOBAL",
            "library_path": str(library),
            "api_version": "1.3.0",
            "implementation_version": "1",
            "description": "makes up what a device reports",
        },
    }


def _library(folder: Path) -> Path:
    built = folder / "vklie.so"
    words = ["cc", "-shared", "-fPIC", "-O2", "-fvisibility=hidden", "-o", str(built), str(SOURCE)]
    subprocess.run(words, check=True)
    return built


@contextmanager
def seen(found: Cards, patch: pytest.MonkeyPatch) -> Iterator[Cards]:
    """Every process started in the block sees these devices."""
    with patch.context() as here:
        for name, value in found.env.items():
            here.setenv(name, value)
        yield found
