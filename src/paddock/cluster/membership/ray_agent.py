"""The one process of ours that imports Ray: a driver of the cluster, which reports its machines to the front.

It reads one line (`lines.Begin`), writes a line whenever something has changed, and ends when its input does. Ray has
no event for a machine that comes or goes that a driver could wait for, so it looks every second.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from paddock.cluster.membership.keeper import token_mode
from paddock.cluster.membership.lines import Begin, Line, NodeReport, Nodes, Trouble
from paddock.cluster.membership.machines import Machines, RayNode, changed_facts
from paddock.cluster.membership.unverified import unverified

if TYPE_CHECKING:
    from types import ModuleType

NAMESPACE = "paddock"
PROTOCOL = 1  # of what is said to a NodeActor; one of another number is replaced
_LOOK_EVERY = 1.0
_PROBE_EVERY = 2.0
_PROBE_SECONDS = 3.0
_PATIENCE = 3.0  # seconds after which a machine says how it is, though nothing has changed
_OVERDUE = 5.0  # seconds more, until that is asked anew: its actor may have died with its machine
_ALONE = 10.0  # seconds until a new process tries to join again
_LEAVES = 5.0  # seconds that a machine may take to leave
_ENDED_IN_ORDER = 1  # NodeDeathInfo.EXPECTED_TERMINATION of gcs.proto


@dataclass(slots=True)
class _FrontsEnd:
    """The front's end of our standard output; Ray and its workers write to the standard error instead."""

    descriptor: int
    last: bytes = b""

    @classmethod
    def taken(cls) -> _FrontsEnd:
        descriptor = os.dup(1)
        os.dup2(2, 1)
        return cls(descriptor)

    def say(self, line: Line) -> None:
        text = msgspec.json.encode(line) + b"\n"
        if text != self.last:
            self.last = text
            os.write(self.descriptor, text)


class Agent:
    """Follows the machines, those of an earlier time also where no cluster answers."""

    def __init__(self, ray: ModuleType, begin: Begin, output: _FrontsEnd) -> None:
        self._ray, self._begin, self._output = ray, begin, output
        self._machines = Machines(begin.labels, begin.known)
        self._following: dict[str, asyncio.Task[None]] = {}
        self._has_looked = False

    async def run(self) -> None:
        """For ever; for a while where there is no cluster to be part of."""
        async with asyncio.TaskGroup() as group:
            probing = group.create_task(_every(_PROBE_EVERY, self._probe))
            if trouble := await self._trouble():
                self._output.say(trouble)
                await asyncio.sleep(_ALONE if self._begin.known else 0)
                probing.cancel()
                return
            await _every(_LOOK_EVERY, lambda: self._look(group))

    async def _trouble(self) -> Trouble | None:
        """Become part of the cluster; what is in the way."""
        address = self._begin.address
        if ":" in address and not await does_listen(address):  # Ray itself tries for minutes
            hint = "`paddock node join` there, or `ray start --head`, begins it; is it the right HOST:PORT?"
            return Trouble(code="no_cluster", message=f"no cluster answers at {address}", hint=hint)
        try:
            await asyncio.to_thread(_join, self._ray, self._begin.address, self._begin.own_address)
        except Exception as error:  # noqa: BLE001 (Ray raises what it likes; each is an answer)
            return trouble_of(error, self._begin.address)
        self._begin.want.front_address = await asyncio.to_thread(_own_address, self._ray)
        return None

    async def _look(self, group: asyncio.TaskGroup) -> None:
        """Which machines there are. Hangs while Ray's head is lost; then the rest goes on."""
        listed = await asyncio.to_thread(self._listed)
        self._machines.seen(listed)
        self._has_looked = True
        for address in self._machines.in_ray():
            if address not in self._following or self._following[address].done():
                self._following[address] = group.create_task(self._follow(address))
        self._publish()

    def _listed(self) -> list[RayNode]:
        """What Ray lists. One that has left has no actor any more; one that was switched off still has."""
        entries = self._ray.nodes()
        gone = any(_is_over(entry) for entry in entries)
        actors = self._ray.util.list_named_actors(all_namespaces=True) if gone else []
        names = {actor["name"] for actor in actors}
        return [
            _node_of(
                entry,
                has_left=_is_over(entry) and _actor_name(entry["NodeManagerAddress"]) not in names,
            )
            for entry in entries
        ]

    async def _follow(self, address: str) -> None:
        """What this machine says, as long as Ray has it."""
        actor: Any = None
        seen = 0
        while address in self._machines and self._machines[address].is_in_ray:
            want = self._want()
            try:
                if actor is None:
                    actor = await asyncio.to_thread(self._actor, address, want)
                async with asyncio.timeout(_PATIENCE + _OVERDUE):
                    seen, said = await actor.report.remote(want, seen, _PATIENCE)
                facts = msgspec.convert(said, NodeReport)
            except (self._ray.exceptions.RayError, TimeoutError, ValueError) as error:
                has_died = isinstance(error, self._ray.exceptions.ActorDiedError)
                actor = None if has_died else actor
                self._complain(address, error)
                # Where the machine is leaving, its actor goes first, and must not be made again.
                await asyncio.sleep(_LEAVES if has_died else _LOOK_EVERY)
                continue
            if address in self._machines and changed_facts(self._machines[address], facts):
                self._publish()

    def _want(self) -> dict[str, Any]:
        """What the front wants of each machine now."""
        self._begin.want.lenders = self._machines.lenders()
        found: dict[str, Any] = msgspec.to_builtins(self._begin.want)
        return found

    def _complain(self, address: str, error: Exception) -> None:
        if address in self._machines:
            words = str(error).strip().splitlines() or [type(error).__name__]
            self._machines[address].complaint = f"Ray runs nothing there yet: {words[0][:200]}"

    def _actor(self, address: str, want: dict[str, Any]) -> Any:
        """The one of this machine, which is there or is made. Blocking.

        It is bound to the address by the resource that Ray gives each machine. A machine that comes back has another
        NodeID: an actor that was bound to that would never run again.
        """
        from paddock.cluster.membership import gpu_holds, node_actor

        for module in (gpu_holds, node_actor):
            self._ray.cloudpickle.register_pickle_by_value(module)
        options = {
            "name": _actor_name(address),
            "namespace": NAMESPACE,
            "lifetime": "detached",
            "get_if_exists": True,
            "max_restarts": -1,
            "max_concurrency": 16,
            "num_cpus": 0,
            "resources": {f"node:{address}": 0.001},
        }
        return self._ray.remote(node_actor.NodeActor).options(**options).remote(want, address)

    async def _probe(self) -> None:
        """Whether the daemons answer, whatever Ray knows of their machines."""

        async def ask(address: str, url: str) -> None:
            answers = await does_answer(url)
            if address in self._machines and self._machines[address].url == url:
                self._machines[address].answers = answers

        async def look(address: str, lends: str) -> None:
            listens = await does_listen(lends)
            if address in self._machines:
                missed = self._machines[address].missed
                self._machines[address].missed = 0 if listens else missed + 1

        async with asyncio.TaskGroup() as group:
            for address, url in self._machines.urls().items():
                group.create_task(ask(address, url))
            for address, lends in self._machines.lending().items():
                group.create_task(look(address, lends))
        self._publish()

    def _publish(self) -> None:
        if self._has_looked or self._machines.urls():
            self._output.say(Nodes(nodes=self._machines.nodes()))


async def _every(seconds: float, act: Callable[[], Awaitable[None]]) -> None:
    while True:
        begun = monotonic()
        await act()
        await asyncio.sleep(max(0.1, seconds - (monotonic() - begun)))


async def does_answer(url: str) -> bool:
    """Whether a daemon answers there, and lives."""
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            tls = unverified() if parts.scheme == "https" else None
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=tls)
            try:
                head = f"GET /health HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n"
                writer.write(head.encode())
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


async def does_listen(endpoint: str) -> bool:
    """Whether somebody takes connections there."""
    host, _, port = endpoint.rpartition(":")
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
            writer.close()
            return True
    except (OSError, TimeoutError):
        return False


def _own_address(ray: ModuleType) -> str:
    """Of this machine in the cluster."""
    own = ray.get_runtime_context().get_node_id()
    return next(str(n["NodeManagerAddress"]) for n in ray.nodes() if n["NodeID"] == own)


def _actor_name(address: str) -> str:
    return f"paddock-node-{PROTOCOL}-{address}"


def _is_over(entry: dict[str, Any]) -> bool:
    return not entry["Alive"] and entry.get("DeathReason") == _ENDED_IN_ORDER


def _node_of(entry: dict[str, Any], *, has_left: bool) -> RayNode:
    return RayNode(
        address=entry["NodeManagerAddress"],
        is_alive=entry["Alive"],
        host=entry.get("NodeManagerHostname", ""),
        labels=entry.get("Labels") or {},
        has_left=has_left,
    )


def trouble_of(error: Exception, address: str) -> Trouble:
    """What Ray raises when a driver begins, in our words."""
    words = " ".join(str(error).split())[:600]
    if "Version mismatch" in words:
        hint = "the same versions of Ray and of Python (3.x) belong on all machines"
        return Trouble(code="cluster_differs", message=f"the cluster differs: {words}", hint=hint)
    if "uthentication" in type(error).__name__ + words:
        hint = "copy ~/.ray/auth_token from the head to this machine (0600), or set RAY_AUTH_TOKEN"
        return Trouble(
            code="cluster_differs", message=f"{address} does not let us in: {words}", hint=hint
        )
    hint = "`paddock node join` makes this machine part of a cluster; `ray status` shows it"
    return Trouble(
        code="no_cluster",
        message=f"this machine is in no cluster at {address}: {words}",
        hint=hint,
    )


async def _until_end_of_input() -> None:
    """The front has ended, however."""
    while await asyncio.to_thread(sys.stdin.buffer.read, 4096):
        pass
    os._exit(0)  # a call of Ray may hang, and there is nothing to put in order


async def _serve(begin: Begin, output: _FrontsEnd) -> None:
    guard = asyncio.create_task(_until_end_of_input())
    import ray

    await Agent(ray, begin, output).run()
    guard.cancel()
    os._exit(1)  # asyncio would wait for the thread that reads our input, and the front for our end


def _join(ray: ModuleType, address: str, own_address: str) -> None:
    """Become a driver. `own_address`: where that is known, for Ray's guess asks for a route to the internet."""
    more = {"_node_ip_address": own_address} if own_address else {}
    ray.init(
        address=address, namespace=NAMESPACE, log_to_driver=False, logging_level="ERROR", **more
    )


def _leave(address: str, own_address: str) -> None:
    """Take the actor of this machine away, which Ray would else keep for its return."""
    import ray

    _join(ray, address, own_address)
    with suppress(ValueError):  # no front has been here
        ray.kill(ray.get_actor(_actor_name(_own_address(ray))))


def main() -> None:
    """The process: reads its first line, and is the agent until its input ends.

    With `leave HOST:PORT ADDRESS` it takes this machine out of the stable instead.
    """
    output = _FrontsEnd.taken()
    for name, value in token_mode(os.environ).items():
        os.environ.setdefault(name, value)
    if sys.argv[1:2] == ["leave"]:
        _leave(sys.argv[2], sys.argv[3])
        os._exit(0)
    begin = msgspec.json.decode(sys.stdin.buffer.readline(), type=Begin)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(begin, output))
    os._exit(1)


if __name__ == "__main__":
    main()
