"""A device as people see it: from its reading, what is booked on it, and how hard it works."""

from collections.abc import Mapping

from paddock.api.types import DeviceInfo, ForeignUse
from paddock.core.model import HOST, InstanceId
from paddock.daemon.instances.registry import Booked
from paddock.host.gpus import Gpu, Telemetry
from paddock.host.memory import Memory
from paddock.host.processes import own_mib
from paddock.host.processor import ProcessorLoad
from paddock.placement.devices import Reading
from paddock.placement.survey import foreign

_TAKERS_SHOWN = 5  # programs per device


def host_info(
    reading: Reading, booked: Booked, memory: Memory, processors: ProcessorLoad
) -> DeviceInfo:
    """The machine's own memory, and its processors."""
    info = _info(reading, booked, "RAM")
    info.used_mib = {str(i): own_mib(holding.pid) for i, holding in booked.items()}
    info.swap_total_mib, info.swap_used_mib = memory.swap_total_mib, memory.swap_used_mib
    info.utilization, info.load = processors.utilization, processors.load
    return info


def gpu_info(
    reading: Reading, booked: Booked, gpu: Gpu | None, shares: Mapping[InstanceId, int]
) -> DeviceInfo:
    """A GPU. `gpu`: as its driver reads it, None for one that only an engine sees. `shares`: MiB of
    each instance."""
    info = _info(reading, booked, gpu.name if gpu else reading.id)
    info.used_mib = {str(i): mib for i, mib in shares.items()}
    if gpu:
        info.foreign = _foreign(gpu, {holding.pid for holding in booked.values()})
    return info


def add_telemetry(info: DeviceInfo, telemetry: Telemetry) -> None:
    """How hard it works now."""
    info.utilization = telemetry.utilization
    info.temperature_c = telemetry.temperature_c
    info.power_w, info.power_limit_w = telemetry.power_w, telemetry.power_limit_w
    info.clock_mhz = telemetry.clock_mhz
    info.throttled = list(telemetry.throttled)


def _info(reading: Reading, booked: Booked, description: str) -> DeviceInfo:
    id_ = reading.id
    return DeviceInfo(
        name=reading.name,
        kind="host" if id_ == HOST else "gpu",
        id=id_,
        description=description,
        total_mib=reading.total_mib,
        free_mib=reading.free_mib,
        booked_mib={str(i): h.demand[id_] for i, h in booked.items() if id_ in h.demand},
        foreign_mib=reading.foreign_mib,
        drives_display=reading.drives_display,
    )


def _foreign(gpu: Gpu, ours: set[int]) -> list[ForeignUse]:
    """The largest programs that are none of ours."""
    ranked = foreign(gpu, ours)[:_TAKERS_SHOWN]
    return [ForeignUse(pid=p.pid, name=p.name, mib=p.used_mib) for p in ranked]
