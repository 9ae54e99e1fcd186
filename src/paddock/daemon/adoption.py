"""Takes over the instances that an earlier daemon left alive."""

import asyncio
import logging
import os

from paddock.core import events as ev
from paddock.daemon.faults import Faults
from paddock.daemon.instance_tasks import InstanceTasks
from paddock.daemon.instances.contexts import Contexts
from paddock.daemon.instances.instance import Instance
from paddock.daemon.instances.records import Record, Records
from paddock.daemon.instances.registry import Registry
from paddock.daemon.loop import Loop
from paddock.engine.containers import is_container, reap
from paddock.llama import client
from paddock.llama.process import Child, Identity, adopt

_log = logging.getLogger(__name__)


class Adoption:
    """Once, when a daemon begins."""

    def __init__(
        self,
        records: Records,
        registry: Registry,
        contexts: Contexts,
        tasks: InstanceTasks,
        loop: Loop,
        faults: Faults,
    ) -> None:
        self._records, self._registry, self._contexts = records, registry, contexts
        self._tasks, self._loop, self._faults = tasks, loop, faults

    async def run(self, group: asyncio.TaskGroup) -> None:
        """Take over what an earlier daemon left alive and well; end what it left unwell."""
        known = list(self._records)
        for record in known:
            if not record.ended:
                with self._faults.caught("adoption"):  # it goes on living, for a later daemon
                    await self._adopt(group, record)
        with self._faults.caught("contexts"):
            self._contexts.remove_halves()
        if any(is_container(record.argv) for record in known):
            with self._faults.caught("containers"):
                await self._remove_leftover_containers()

    async def _remove_leftover_containers(self) -> None:
        """Remove containers that nobody runs any more: whatever killed us may have killed that too."""
        living = [live.record.socket for live in self._registry.values()]
        place = self._records.sockets
        for socket in await asyncio.to_thread(reap, place, living, os.environ):
            _log.warning("removed a container that was left behind: %s", socket)

    async def _adopt(self, group: asyncio.TaskGroup, record: Record) -> None:
        child = self._find_child(record)
        if child is None:
            self._records.close(record)
            return
        if record.is_early:
            _log.info("%s was begun for a switch that ended with its daemon", record.instance)
            await child.end_at_once()
            self._records.close(record)
            return
        live = self._tasks.track(record)
        try:
            await live.catch_up()
        except OSError:
            self._registry.remove(live.id)
            raise
        health = await client.health(live.endpoint.session)
        if health == "silent" and not live.may_be_silent():
            await self._reap(live, child)
        else:
            self._take_over(group, live, child, ready=health == "ready")

    def _find_child(self, record: Record) -> Child | None:
        identity = Identity(record.pid, record.started, record.boot)
        if not record.pid and (pid := record.signs.leader()):
            identity = Identity.of(pid) or identity
            record.pid, record.started, record.boot = identity.pid, identity.started, identity.boot
            self._records.save(record)
        child = adopt(identity, self._records.plumbing(record.number), record.signs)
        if child is None and identity.is_alive():
            _log.warning(
                "process %d may be %s, but that cannot be proven: it is left alone, and to you to end",
                identity.pid,
                record.instance,
            )
        return child

    async def _reap(self, live: Instance, child: Child) -> None:
        _log.warning("instance %s does not answer: ending it", live.id)
        await child.stop(live.record.stop_timeout)
        await live.hang_up()
        self._records.close(live.record)
        self._registry.remove(live.id)
        await self._tasks.delete(self._tasks.contexts_given_back(live.record))

    def _take_over(
        self, group: asyncio.TaskGroup, live: Instance, child: Child, *, ready: bool
    ) -> None:
        _log.info("instance %s was taken over, %s", live.id, "ready" if ready else "loading")
        self._loop.feed(ev.Adopted(live.id, live.profile, live.record.fingerprint, ready))
        if ready:
            live.note_ready()
            self._tasks.listener.taken_over(live)
        self._tasks.begin(group, live.id, self._tasks.live(live, lambda: child))
