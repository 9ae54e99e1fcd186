"""A GPU and the processes on it, as numbers: the types that all drivers share."""

from dataclasses import dataclass
from typing import Literal, Protocol

Vendor = Literal["nvidia", "amd", "intel"]


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A process that holds memory of a GPU; how much is unknown in some containers."""

    pid: int
    used_mib: int | None
    name: str = ""  # of its program, as /proc/PID/comm has it: 15 letters at most
    ram_mib: int = 0  # that it holds of RAM through the GPU, in no other count of its memory


@dataclass(frozen=True, slots=True)
class Gpu:
    """One device at one moment, memory in MiB.

    `index` counts in PCI order, whatever CUDA_VISIBLE_DEVICES says; NVIDIA's come first and have NVML's.
    `used_mib` leaves out what the driver keeps for itself, where it reports that: `total` is then more
    than `free` and `used` together. `processes` are those that we may see, one entry a process.
    """

    index: int
    name: str
    total_mib: int | None = None
    free_mib: int | None = None
    used_mib: int | None = None
    processes: tuple[GpuProcess, ...] = ()
    id: str = ""  # PCI address, as llama.cpp prints it: `0000:00:06.0`
    vendor: Vendor = "nvidia"
    driver: str = ""  # its version
    drives_display: bool | None = None
    # It takes RAM, too; the memory above is what was set aside for it alone, if anything.
    is_in_ram: bool = False
    lendable_mib: int | None = None  # of one in RAM: what its driver would still give it of RAM


@dataclass(frozen=True, slots=True)
class Telemetry:
    """How hard a GPU works at one moment. None where its driver does not report it."""

    utilization: float | None = None  # 0 to 1: share of the last moments in which anything ran
    temperature_c: int | None = None
    power_w: float | None = None
    power_limit_w: float | None = None
    clock_mhz: int | None = None
    max_clock_mhz: int | None = None
    throttled: tuple[str, ...] = ()  # what holds its clock down: `thermal`, `power`, `hardware`


class GpuDriver(Protocol):
    """A reader of one vendor's GPUs. No method raises."""

    def read(self) -> list[Gpu]:
        """Memory and processes: what a decision needs."""

    def telemetry(self) -> dict[str, Telemetry]:
        """Everything that no decision needs, by `Gpu.id`, for display."""

    def close(self) -> None: ...


def pci_address(said: str) -> str:
    """As llama.cpp prints it: lower case, a domain of four digits; NVML's has eight."""
    domain, _, rest = said.strip().lower().partition(":")
    return f"{domain[-8:].lstrip('0'):0>4}:{rest}" if rest else ""
