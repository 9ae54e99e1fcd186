"""A device as people see it: from its reading, what is booked on it, and how hard it works."""

from collections.abc import Mapping, Sequence

from paddock.api.types import DeviceInfo, ForeignUse
from paddock.core.model import HOST, InstanceId
from paddock.daemon.instances.registry import Booked
from paddock.figures.device_names import made_by
from paddock.host.gpus import Gpu, Telemetry
from paddock.host.memory import Memory
from paddock.host.processes import own_mib
from paddock.host.processor import ProcessorLoad
from paddock.placement.devices import Reading, Readings, free_now, with_ram
from paddock.placement.survey import foreign, of_session

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
    reading: Reading,
    readings: Readings,
    booked: Booked,
    gpu: Gpu | None,
    shares: Mapping[InstanceId, int],
) -> DeviceInfo:
    """A GPU. `gpu`: as its driver reads it, None for one that only an engine sees. `shares`: MiB of
    each instance. One in RAM has that, too, and what is held of it there counts."""
    info = _info(with_ram(reading, readings), booked, "")
    info.free_mib = free_now(reading, readings)
    info.used_mib = {str(i): mib for i, mib in shares.items()}
    others = foreign(gpu, {holding.pid for holding in booked.values()}) if gpu else []
    info.foreign = [
        ForeignUse(pid=p.pid, name=p.name, mib=p.used_mib) for p in others[:_TAKERS_SHOWN]
    ]
    if reading.is_in_ram:
        info.in_ram = True
        for instance, mib in shares.items():
            lent = sum(p.ram_mib for p in of_session(gpu, booked[instance].pid))
            info.used_mib[str(instance)] = mib + lent
        known = [(p.used_mib or 0) + p.ram_mib for p in others]
        info.foreign_mib = sum(known) if gpu else None
    return info


def identified(
    info: DeviceInfo, gpu: Gpu | None, described: str, also: Sequence[str]
) -> DeviceInfo:
    """With maker and model, by its driver, else as an engine `described` it; and its names elsewhere."""
    info.description = made_by(gpu.vendor, gpu.name) if gpu else described or info.id
    info.also = list(also)
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
