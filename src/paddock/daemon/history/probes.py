"""Measures the speed of a model that was just loaded and that nobody uses yet, with one short request.

Only on an instance that has served nobody and restored nothing: llama-server would copy what a slot
holds to its host cache first (2.3 s for 16,000 tokens of a 32B model, not interruptible), and the next
turn of that conversation would be read anew. Nor while anybody waits or is served, by whatever model: it
would take a part of that one's GPU. Whoever comes, ends the probe; a request to the same model measures
the speed itself. So does a load that was begun for a request.
"""

import asyncio
import logging
from contextlib import suppress

import aiohttp

from paddock.core.live import Serving
from paddock.core.model import InstanceId
from paddock.core.scheduler import Scheduler
from paddock.daemon.faults import Faults
from paddock.daemon.instances.instance import Instance
from paddock.daemon.profiles.roster import Roster
from paddock.errors import PaddockError

_log = logging.getLogger(__name__)
_PROMPT, _ANSWER = 256, 64  # tokens: 0.1 s on a GPU, some seconds where layers lie in RAM
_VOCABULARY = 256  # every one has as many tokens


class Probes:
    """At most one for each instance."""

    def __init__(
        self,
        roster: Roster,
        scheduler: Scheduler,
        faults: Faults,
        *,
        after: float,
    ) -> None:
        """`after`: idle seconds before a probe, 0 for none at all."""
        self._roster, self._scheduler = roster, scheduler
        self._after, self._faults = after, faults
        self._group: asyncio.TaskGroup | None = None  # while `run` does
        self._running: dict[InstanceId, asyncio.Task[None]] = {}
        self._probed: set[InstanceId] = set()
        self._served: set[InstanceId] = set()  # their slots may hold conversations

    async def run(self) -> None:
        """Allow probes, for ever; they end with it."""
        try:
            async with asyncio.TaskGroup() as self._group:
                await asyncio.Event().wait()
        finally:
            self._group = None

    def arm(self, instance: Instance) -> None:
        """It has just got ready: probe it, if its profile allows that and nobody comes before."""
        profile = self._roster.stable.find(instance.profile)
        if self._group is None or self._after <= 0 or instance.n_ctx is None:
            return
        if profile is None or not profile.probe:
            return
        if not profile.is_generative or instance.restored_tokens:  # which it would push out
            return
        task = self._group.create_task(self._probe(instance))
        self._running[instance.id] = task
        task.add_done_callback(lambda _: self._running.pop(instance.id, None))

    def disturb(self, instance: InstanceId) -> None:
        """Somebody comes to use it: it will not be probed any more, and no other is just now."""
        if self._running:
            self._end(instance)
            self.hang_up()

    def hang_up(self) -> None:
        """Somebody waits, or is served: end what is asked now."""
        for instance in list(self._probed):
            self._end(instance)

    def _end(self, instance: InstanceId) -> None:
        if task := self._running.pop(instance, None):
            task.cancel()

    def note_task(self, instance: InstanceId) -> None:
        """Its log says that a slot began to work: unless that is a probe, the slot holds something."""
        if instance not in self._probed:
            self._served.add(instance)

    def forget(self, instance: InstanceId) -> None:
        """It has ended."""
        self._end(instance)
        self._served.discard(instance)

    @property
    def is_busy(self) -> bool:
        """Whether any probe runs or is about to."""
        return bool(self._running)

    def is_probing(self, instance: InstanceId) -> bool:
        """Whether the request that has just been timed was a probe."""
        return instance in self._probed

    async def _probe(self, instance: Instance) -> None:
        await asyncio.sleep(self._after)
        if instance.id in self._served:  # the request that it was loaded for
            return
        if self._is_somebody_there():
            return
        self._probed.add(instance.id)
        try:
            with (
                self._faults.caught("probes"),
                suppress(aiohttp.ClientError, OSError, PaddockError),
            ):
                await _ask(instance)
                await asyncio.sleep(1.0)  # its log is read in a moment
        finally:
            self._probed.discard(instance.id)

    def _is_somebody_there(self) -> bool:
        live = self._scheduler.live.values()
        serves = any(isinstance(one.state, Serving) and one.state.leases for one in live)
        return serves or bool(self._scheduler.waiting())


async def _ask(instance: Instance) -> None:
    """One request whose answer nobody reads. Streamed, so that hanging up ends it at once."""
    length = min(_PROMPT, (instance.n_ctx or 0) // 8)
    body = {
        "prompt": [(17 * i + 3) % _VOCABULARY for i in range(max(length, 1))],
        "n_predict": _ANSWER,
        "ignore_eos": True,
        "cache_prompt": False,
        "stream": True,
    }
    endpoint = instance.endpoint
    with endpoint.in_use():
        async with endpoint.session.post(f"{endpoint.base_url}/completion", json=body) as reply:
            if reply.status != 200:
                _log.info("%s refuses to be probed: %s", instance.id, reply.status)
                return
            async for _ in reply.content.iter_any():
                pass
