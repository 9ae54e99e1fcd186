"""GPUs that jobs of Ray hold, whether they use memory or not: none of it is ours to count on.

The actor of this machine writes down which (`cluster/membership/gpu_holds.py`); that holds as long as its process lives.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec

from paddock.host.gpu import Gpu, GpuProcess
from paddock.private import believed

_NAME = "ray"


class HeldGpus(msgspec.Struct, kw_only=True):
    """What the file says."""

    pid: int  # of who says so
    gpus: list[str]  # PCI addresses


def with_held(gpus: Iterable[Gpu], file: Path | None) -> tuple[Gpu, ...]:
    """The GPUs, of those that are held all that is free taken by `ray`."""
    held = _read(file)
    if held is None:
        return tuple(gpus)
    return tuple(_taken(gpu, held.pid) if gpu.id in held.gpus else gpu for gpu in gpus)


def _taken(gpu: Gpu, pid: int) -> Gpu:
    if gpu.free_mib is None:
        return gpu
    used = None if gpu.used_mib is None else gpu.used_mib + gpu.free_mib
    job = GpuProcess(pid, gpu.free_mib, _NAME)
    # Where the driver lists no process though memory is used, ours are known by what was booked, which an entry would end.
    hides = bool(gpu.used_mib) and not gpu.processes
    processes = gpu.processes if hides else (*gpu.processes, job)
    return replace(gpu, free_mib=0, used_mib=used, processes=processes)


def _read(file: Path | None) -> HeldGpus | None:
    with suppress(OSError, msgspec.DecodeError):
        if file is not None:
            held = msgspec.json.decode(believed(file), type=HeldGpus)
            os.kill(held.pid, 0)
            return held
    return None
