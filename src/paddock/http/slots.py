"""An instance's slots, asked of it at most every 1.5 s, however many want to know.

llama-server looks for hang-ups of clients that do not stream once a second, and each look at
`/slots` starts that second anew: polled faster, an abandoned request runs to its end (measured with
build 11434). 1.5 s leaves it room.
"""

import asyncio
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from paddock.http import upstream

if TYPE_CHECKING:
    from paddock.daemon.instances.endpoint import Endpoint

KEPT = 1.5


@dataclass(frozen=True, slots=True)
class Answer:
    """What an instance said, and when (monotonic)."""

    at: float
    status: int
    content_type: str
    body: bytes

    @property
    def is_fresh(self) -> bool:
        return monotonic() - self.at <= KEPT


class Slots:
    """The latest answers, by instance."""

    def __init__(self) -> None:
        self._answers: dict[str, Answer] = {}
        self._asking = asyncio.Lock()

    async def of(self, endpoint: "Endpoint") -> Answer:
        """The instance's answer, at most 1.5 s old; UpstreamGone if it gives none."""
        async with self._asking:
            self._answers = {name: old for name, old in self._answers.items() if old.is_fresh}
            if endpoint.instance not in self._answers:
                self._answers[endpoint.instance] = await _asked(endpoint)
            return self._answers[endpoint.instance]


async def _asked(endpoint: "Endpoint") -> Answer:
    reply = await upstream.ask(endpoint, "GET", "/slots", {}, None)
    try:
        body = await upstream.whole(reply, endpoint)
        return Answer(monotonic(), reply.status, reply.content_type, body)
    finally:
        reply.close()
