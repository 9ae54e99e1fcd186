"""An evening on one machine: an RTX 4090, a 4060 Ti that drives the display, 64 GB of RAM, five profiles."""

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace as with_fields

from paddock.api.types import (
    DeviceInfo,
    ForeignUse,
)

GLM, QWEN, OSS, MISTRAL = "glm-flash-q4", "qwen-coder-30b", "gpt-oss-120b", "mistral-small"
BENCH = "bench-glm-flash"

START = datetime(2026, 11, 25, 20, 0, 0, tzinfo=UTC)
CLOCK = 1000.0  # the dashboard's clock at START
FIRST_SEQ = 1_764_100_800_000_000
URL = "http://127.0.0.1:8080"


def time_at(passed: float) -> str:
    moment = START + timedelta(seconds=passed)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def cuda0(**used_mib: int) -> DeviceInfo:
    """The RTX 4090; `used_mib` by instance, with `_` for the dot and the dashes: see `_names`."""
    used = _names(used_mib)
    return DeviceInfo(
        name="CUDA0",
        kind="gpu",
        id="00000000:01:00.0",
        description="NVIDIA GeForce RTX 4090",
        total_mib=24564,
        free_mib=24564 - 466 - sum(used.values()),
        used_mib=used,
        booked_mib=used,
        foreign_mib=18,
        utilization=0.0,
        temperature_c=38,
        power_w=21.0,
        power_limit_w=450.0,
        clock_mhz=210,
    )


def cuda1(**used_mib: int) -> DeviceInfo:
    """The 4060 Ti, on which Xorg and firefox lie as well."""
    used = _names(used_mib)
    return DeviceInfo(
        name="CUDA1",
        kind="gpu",
        id="00000000:05:00.0",
        description="NVIDIA GeForce RTX 4060 Ti",
        total_mib=16380,
        free_mib=16380 - 1404 - sum(used.values()),
        used_mib=used,
        booked_mib=used,
        foreign_mib=1100,
        foreign=[
            ForeignUse(pid=2911, name="firefox", mib=688),
            ForeignUse(pid=1802, name="Xorg", mib=412),
        ],
        drives_display=True,
        utilization=0.03,
        temperature_c=44,
        power_w=14.0,
        power_limit_w=165.0,
        clock_mhz=405,
    )


def host(**used_mib: int) -> DeviceInfo:
    used = _names(used_mib)
    return DeviceInfo(
        name="Host",
        kind="host",
        id="host",
        description="RAM",
        total_mib=64216,
        free_mib=64216 - 9012 - sum(used.values()),
        used_mib=used,
        booked_mib=used,
        swap_total_mib=8192,
        swap_used_mib=0,
        utilization=0.31,
        load=2.42,
    )


INSTANCES = {
    "glm": f"{GLM}.1",
    "glm_again": f"{GLM}.3",
    "qwen": f"{QWEN}.2",
    "oss": f"{OSS}.2",
    "mistral": f"{MISTRAL}.2",
}


def _names(used_mib: dict[str, int]) -> dict[str, int]:
    return {INSTANCES[short]: mib for short, mib in used_mib.items()}


def working(
    device: DeviceInfo, utilization: float, temperature_c: int, power_w: float
) -> DeviceInfo:
    """The same device under load."""
    return with_fields(
        device, utilization=utilization, temperature_c=temperature_c, power_w=power_w
    )
