"""`paddock status --watch`: a line whenever something changes, for those without a full terminal."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from paddock.api.events import Activity, ProfileEvent, Snapshot
from paddock.api.types import ProfileInfo, ProfileNow
from paddock.figures.units import count, mib

if TYPE_CHECKING:
    from paddock.api.client import Client
    from paddock.api.events import AnyEvent
    from paddock.api.types import DeviceInfo

_EVERY = 5.0  # seconds between two lines that differ in numbers alone


@dataclass(slots=True)
class Watched:
    """What a line is made of, as the events left it."""

    profiles: dict[str, ProfileInfo | ProfileNow] = field(default_factory=dict)
    devices: list[DeviceInfo] = field(default_factory=list)
    requests: int = 0

    def take(self, event: AnyEvent) -> None:
        match event:
            case Snapshot():
                self.profiles = {profile.id: profile for profile in event.profiles}
                self.devices = event.status.devices
                self.requests = len(event.status.requests)
            case Activity():
                self.profiles.update(event.profiles)
                self.devices, self.requests = event.devices, len(event.requests)
            case ProfileEvent(now=ProfileNow() as now):
                self.profiles[event.profile] = now
            case _:
                pass  # models.conf was read, or a daemon older than these fields speaks

    def models_part(self) -> str:
        """What is loaded or on its way, each in a few words."""
        parts = [
            " ".join(filter(None, (name, one.state, one.verdict.state if one.verdict else "")))
            for name, one in self.profiles.items()
            if one.state != "unloaded"
        ]
        return ", ".join(parts) or "nothing is loaded"

    def numbers_part(self) -> str:
        """What is free, and what is being served."""
        known = [device for device in self.devices if device.free_mib is not None]
        free = [f"{device.name} {mib(device.free_mib)} free" for device in known]
        served = [count(self.requests, "request")] if self.requests else []
        return " · ".join([*free, *served])


def watch(client: Client) -> None:
    """Print until the daemon ends or somebody presses Ctrl-C."""
    watched, last, at = Watched(), ("", ""), float("-inf")
    for event in client.events():
        now = time.monotonic()
        watched.take(event)
        line = watched.models_part(), watched.numbers_part()
        if line[0] != last[0] or (line != last and now - at >= _EVERY):
            last, at = line, now
            stamp = datetime.now().astimezone().strftime("%H:%M:%S")
            print(f"{stamp}  {' · '.join(filter(None, line))}", flush=True)
