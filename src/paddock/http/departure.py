"""Waits until stopped instances have ended, for callers that need their memory."""

import asyncio
from collections.abc import Iterable

from paddock.api.events import InstanceEnded, Snapshot
from paddock.http.front import Front

PATIENCE = (
    8.0  # seconds, fewer than a client waits; what serves a request by then goes after its last one
)


async def departed(front: Front, profiles: Iterable[str], patience: float = PATIENCE) -> list[str]:
    """Those of these profiles whose instances have not ended after so many seconds."""
    names = set(profiles)
    with front.daemon.bus.subscribe(None) as changes:
        left = {i.id: i.profile for i in front.daemon.status().instances if i.profile in names}
        try:
            async with asyncio.timeout(patience):
                while left:
                    event = await anext(changes)
                    if isinstance(event, InstanceEnded):
                        left.pop(event.instance, None)
                    elif isinstance(event, Snapshot):  # events may have been missed before it
                        there = {instance.id for instance in event.status.instances}
                        left = {name: p for name, p in left.items() if name in there}
        except (TimeoutError, StopAsyncIteration):
            pass
    return sorted(set(left.values()))
