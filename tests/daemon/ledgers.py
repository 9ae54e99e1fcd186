"""GPUs that are made up, and ledgers that read them."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from paddock.api.placement import DevicePlan, Plan
from paddock.config.settings import Settings
from paddock.core.model import HOST, DeviceId, InstanceId
from paddock.daemon.instances.registry import Booked, Holding
from paddock.daemon.memory.ledger import Ledger
from paddock.host.gpus import Gpu, GpuProcess, Telemetry

FIRST, SECOND = DeviceId("0000:00:06.0"), DeviceId("0000:00:07.0")
FAR = DeviceId("RPC0[10.0.0.7:50052]")
NOTHING: Booked = {}
ALPHA, BETA = InstanceId("alpha.1"), InstanceId("beta.2")
XORG = GpuProcess(99, 300, "Xorg")


class MadeUpGpus:
    """A driver that says what the test wants."""

    def __init__(self, *gpus: Gpu, telemetry: dict[str, Telemetry] | None = None) -> None:
        self.gpus, self._telemetry = gpus, telemetry or {}

    def read(self) -> list[Gpu]:
        return list(self.gpus)

    def telemetry(self) -> dict[str, Telemetry]:
        return self._telemetry


def ledger(
    *gpus: Gpu, memory_file: Path | None = None, held_file: Path | None = None, **settings: Any
) -> Ledger:
    driver = MadeUpGpus(*gpus)
    return Ledger(Settings(**settings), driver=driver, memory_file=memory_file, held_file=held_file)


def gpu(index: int, free: int | None, *processes: GpuProcess, total: int | None = 24000, **rest: Any) -> Gpu:  # fmt: skip
    id_ = (FIRST, SECOND)[index]
    return Gpu(index, "NVIDIA RTX 4090", total, free, None, processes, id_, driver="580", **rest)


def holding(pid: int, **demand: int) -> Holding:
    ids = {"first": FIRST, "second": SECOND, "far": FAR, "host": HOST}
    return Holding(pid, {ids[name]: mib for name, mib in demand.items()})


@contextmanager
def running(code: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that leads a session of its own, as instances do, and has done its work."""
    argv, pipe = [sys.executable, "-c", code], subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, start_new_session=True) as process:
        yield process
        process.kill()


def said(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


def plan(*devices: DevicePlan) -> Plan:
    return Plan(profile="m", source="engine", fits=True, devices=list(devices))
