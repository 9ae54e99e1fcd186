"""Ends instances that hang: asked something, they send nothing, log nothing and compute nothing.

An instance that is slow does one of the three. One that computes without a word may be in the middle
of a long prompt, which llama-server logs after each batch only, or in a loop for ever; so it has
more time, but not without end.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from paddock.core.model import InstanceId
from paddock.daemon.activity.requests import Request, Requests
from paddock.daemon.clock import Clock
from paddock.daemon.faults import Faults
from paddock.daemon.instances.instance import Instance
from paddock.host.processes import computed_seconds, session_of

_log = logging.getLogger(__name__)
_LOOKS = 10  # in the time after which it hangs
_PAUSES = (0.05, 5.0)  # seconds between two looks, at least and at most
_COMPUTES = 0.01  # processors; less is the server's looking after its connections
_BUSY = 30.0  # times the limit for one that computes


@dataclass(slots=True)
class Seen:
    """The last signs of one instance."""

    log: int
    received: dict[int, int]  # bytes by request
    computed: float  # seconds of processor time
    looked_at: float
    moved_at: float  # when it last did anything
    spoke_at: float  # when it last said anything


class Watchman:
    """Looks at those that were asked; one that answers costs next to nothing."""

    def __init__(
        self,
        requests: Requests,
        instances: Mapping[InstanceId, Instance],
        clock: Clock,
        faults: Faults,
        *,
        timeout: float,
    ) -> None:
        """`timeout`: seconds without a sign after which one hangs; 0: none ever does."""
        self._requests, self._instances, self._clock = requests, instances, clock
        self._faults, self._timeout = faults, timeout
        self._seen: dict[InstanceId, Seen] = {}

    async def run(self) -> None:
        if not self._timeout:
            return
        while True:
            await asyncio.sleep(min(max(_PAUSES[0], self._timeout / _LOOKS), _PAUSES[1]))
            with self._faults.caught("watchman"):
                self.look()

    def look(self) -> None:
        """Look at all that are to answer now, and end those that hang."""
        asked = self._requests.in_turn()
        self._seen = {name: seen for name, seen in self._seen.items() if name in asked}
        for name, requests in asked.items():
            if live := self._instances.get(name):
                self._look_at(live, requests)

    def _look_at(self, live: Instance, requests: list[Request]) -> None:
        now = self._clock.now()
        seen = self._seen.get(live.id)
        if seen is None:
            self._seen[live.id] = Seen(
                live.log_offset, _received(requests), _computed(live), now, now, now
            )
        elif self._spoke(seen, live, requests):
            seen.moved_at = seen.spoke_at = seen.looked_at = now
        elif not self._computes(seen, live, now) and now - seen.moved_at > self._timeout:
            _log.warning("%s hangs and is ended: no sign of life for %g s", live.id, self._timeout)
            live.end_hung(self._timeout)
            del self._seen[live.id]

    def _spoke(self, seen: Seen, live: Instance, requests: list[Request]) -> bool:
        """Whether it wrote a line or sent a byte since."""
        log, received = live.log_offset, _received(requests)
        before, seen.received = seen.received, received
        is_news = log != seen.log or any(n > before.get(r, 0) for r, n in received.items())
        seen.log = log
        return is_news

    def _computes(self, seen: Seen, live: Instance, now: float) -> bool:
        """Whether it used a processor since, if it has not done only that for too long."""
        computed = _computed(live)
        used, past = computed - seen.computed, now - seen.looked_at
        seen.computed, seen.looked_at = computed, now
        if used < _COMPUTES * past or now - seen.spoke_at > _BUSY * self._timeout:
            return False
        seen.moved_at = now
        return True


def _received(requests: list[Request]) -> dict[int, int]:
    return {request.id: request.bytes_received for request in requests}


def _computed(live: Instance) -> float:
    session = session_of(live.record.worker)
    return computed_seconds(session) if session else 0.0
