"""What crosses the API of devices as they were."""

import msgspec


class DevicePast(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One device, each list with a value for each time; None where it is unknown."""

    name: str
    kind: str  # `gpu` or `host`
    description: str = ""
    total_mib: int | None = None  # as last read
    free_mib: list[int | None] = []
    margin_mib: list[int | None] = []  # what the models there want to stay free
    models_mib: dict[str, list[int | None]] = {}  # by profile
    foreign_mib: dict[str, list[int | None]] = {}  # by program; "": those that are not named
    utilization: list[
        float | None
    ] = []  # 0 to 1; empty where it is never known, as are those below
    temperature_c: list[int | None] = []
    power_w: list[float | None] = []


class DevicesPast(msgspec.Struct, kw_only=True):
    """The devices over the last hour, the oldest first."""

    every: float  # seconds between two readings
    at: list[float]  # Unix time of each
    devices: list[DevicePast]
