"""Whether a load may be started while those who leave for it still hold its memory. Pure."""

from paddock.config.profile import Profile
from paddock.core.model import HOST
from paddock.placement.devices import Readings, fits_itself
from paddock.placement.replay import SPLIT
from paddock.placement.replayable import Replay

# MiB that must be free of each GPU: a driver's context of 530, and what the one that leaves may
# still take for a large batch (up to 200 were seen).
_CONTEXT_ROOM = 768
_HOST_ROOM = 1024  # MiB of RAM: the program and its libraries, 400 with CUDA


def hindrance(profile: Profile, replay: Replay | None, readings: Readings) -> str:
    """Why it has to wait until the others are gone; empty where it need not.

    What it does before it is held must not depend on the memory that is free: on a machine without
    GPUs fit compares with what there is in all (build 11434).
    """
    if profile.flag("--rpc"):
        return "an RPC server answers one client at a time"
    gpus = [r for r in readings.values() if r.id != HOST and not r.id.startswith("RPC")]
    if gpus and replay is None:
        if fits_itself(profile):
            return "fit reads what is free when it starts"
        if len(gpus) > 1 and not profile.flag(SPLIT):
            return "llama.cpp splits by what is free when it starts"
    for reading in gpus:
        if reading.free_mib is None or reading.free_mib < _CONTEXT_ROOM:
            return f"{reading.name} has no room for another driver's context"
    host = readings.get(HOST)
    if host and host.free_mib is not None and host.free_mib < _HOST_ROOM:
        return "RAM is short"
    return ""
