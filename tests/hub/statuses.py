"""A daemon's status, as far as a test needs it."""

from collections.abc import Sequence

from paddock.api.types import ConfigInfo, DeviceInfo, InstanceInfo, Status


def status(*, devices: Sequence[DeviceInfo] = (), instances: Sequence[InstanceInfo] = ()) -> Status:
    return Status(
        version="0",
        pid=1,
        started_at="",
        current=None,
        instances=list(instances),
        queue={},
        devices=list(devices),
        config=ConfigInfo(path="", loaded_at=""),
    )
