"""The machines of the stable, for the front: an agent that is started again, and what it said last."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from platform import python_version

import msgspec

from paddock import __version__
from paddock.atomic_write import atomic_write
from paddock.cluster.membership.extra import must_be_installed
from paddock.cluster.membership.joined import JoinedNode, joined
from paddock.cluster.membership.lines import Begin, FrontsWish, Line, Nodes, Trouble
from paddock.cluster.membership.node_key import NodeKey
from paddock.cluster.node import Node
from paddock.cluster.refusals import ClusterDiffers, ClusterMissing, NoCluster
from paddock.config.cluster import ClusterSettings
from paddock.errors import ConfigError, PaddockError, ungrouped
from paddock.private import believed

_log = logging.getLogger(__name__)
_LINE = 1 << 20  # bytes of one line at most: hundreds of machines
_AGAIN = (1.0, 2.0, 5.0, 10.0)  # seconds until the agent is started again
_FIRST_SECONDS = 90.0
_SIGN_EVERY = 10.0  # seconds
_REFUSALS = {kind.code: kind for kind in (ClusterMissing, NoCluster, ClusterDiffers)}


class RayMembership:
    """A `Membership` by a Ray cluster."""

    def __init__(self, state_dir: Path, address: str, settings: ClusterSettings) -> None:
        """`address`: of the cluster's head, or `auto`."""
        self._file = state_dir / "nodes.json"
        self._address, self._settings = address, settings
        self._key = NodeKey.of(state_dir)
        self._nodes: tuple[Node, ...] = ()
        self._changed, self._has_begun = asyncio.Event(), asyncio.Event()
        self._refusal: PaddockError | None = None

    @property
    def nodes(self) -> Sequence[Node]:
        """All that are known, by name, those that cannot be used too."""
        self._changed.clear()
        return self._nodes

    async def changed(self) -> None:
        """Return when `nodes` has become another one since it was last read."""
        await self._changed.wait()

    @classmethod
    @asynccontextmanager
    async def open(
        cls, state_dir: Path, address: str, settings: ClusterSettings
    ) -> AsyncIterator[RayMembership]:
        """Inside the block it is kept up to date.

        Raises ClusterMissing, ClusterDiffers, and NoCluster where no machine is known from an earlier time either.
        """
        must_be_installed()
        membership = cls(state_dir, address, settings)
        membership._recall()
        with ungrouped():
            async with asyncio.TaskGroup() as group:
                task = group.create_task(membership._run())
                try:
                    await membership._begun()
                    yield membership
                finally:
                    task.cancel()

    async def _begun(self) -> None:
        signs = asyncio.create_task(self._say_that_it_waits())
        try:
            async with asyncio.timeout(_FIRST_SECONDS):
                await self._has_begun.wait()
        except TimeoutError:
            self._refusal = NoCluster(
                f"the cluster at {self._address} does not answer",
                hint="`ray status` shows whether it does",
            )
        finally:
            signs.cancel()
        if self._refusal and not (self._nodes and isinstance(self._refusal, NoCluster)):
            raise self._refusal

    async def _say_that_it_waits(self) -> None:
        while True:
            await asyncio.sleep(_SIGN_EVERY)
            _log.info("waiting for the cluster at %s, which has not answered yet", self._address)

    async def _run(self) -> None:
        """An agent, and the next one when it ends, for ever."""
        failures = 0
        while True:
            said_something = False
            try:
                async for line in self._lines():
                    said_something |= isinstance(line, Nodes)
                    self._take(line)
            except Exception:  # noqa: BLE001  # the next one may do better; without any the machines stay as they were
                _log.exception("reading what the agent of the cluster says broke")
            failures = 0 if said_something else failures + 1
            pause = _AGAIN[min(failures, len(_AGAIN) - 1)]
            _log.warning("the agent of the cluster has ended; the next one begins in %.0f s", pause)
            await asyncio.sleep(pause)

    async def _lines(self) -> AsyncIterator[Line]:
        """What one agent says, until it ends."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "paddock.cluster.membership.ray_agent"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            limit=_LINE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        errors = asyncio.create_task(_logged(process.stderr))
        try:
            process.stdin.write(msgspec.json.encode(self._first_line()) + b"\n")
            while text := await process.stdout.readline():
                with suppress(msgspec.DecodeError):
                    yield msgspec.json.decode(text, type=Line)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            errors.cancel()
            await process.wait()

    def _first_line(self) -> Begin:
        want = FrontsWish(
            version=__version__,
            python=python_version(),
            key_name=self._key.name,
            key_digest=self._key.digest,
        )
        machine = self._machine()
        head = machine.where if machine and self._address == "auto" else self._address
        return Begin(
            address=head,
            want=want,
            own_address=machine.address if machine else "",
            labels=self._settings.labels,
            known=[msgspec.structs.replace(node, key="") for node in self._nodes],
        )

    def _machine(self) -> JoinedNode | None:
        """What this one was joined as; None where that was not by us."""
        with suppress(ConfigError):
            return joined(os.environ, self._file.parent) or joined(os.environ)
        return None

    def _take(self, line: Line) -> None:
        if isinstance(line, Trouble):
            self._note(line)
            return
        self._refusal = None
        self._has_begun.set()
        nodes = tuple(self._completed(node) for node in line.nodes)
        if nodes != self._nodes:
            _say(self._nodes, nodes)
            self._nodes = nodes
            self._changed.set()
            self._remember()

    def _note(self, trouble: Trouble) -> None:
        kind = _REFUSALS.get(trouble.code, NoCluster)
        self._refusal = kind(trouble.message, hint=trouble.hint)
        if self._has_begun.is_set():
            _log.warning("%s (%s)", trouble.message, trouble.hint)
        self._has_begun.set()

    def _completed(self, node: Node) -> Node:
        """With what only this machine knows."""
        named = self._settings.nodes.get(node.name)
        mac = (named.mac if named else "") or node.mac
        state = "asleep" if node.state == "lost" and mac and named and named.sleep else node.state
        return msgspec.structs.replace(node, key=self._key.secret, mac=mac, state=state)

    def _recall(self) -> None:
        """Those of an earlier time: the head may be lost, and their daemons serve all the same."""
        with suppress(OSError, msgspec.DecodeError):
            known = msgspec.json.decode(believed(self._file), type=list[Node])
            lost = (
                msgspec.structs.replace(node, state="lost", key=self._key.secret)
                for node in known
                if node.state != "left-out"
            )
            self._nodes = tuple(lost)

    def _remember(self) -> None:
        """Without keys."""
        known = [msgspec.structs.replace(node, key="") for node in self._nodes]
        with suppress(OSError):  # a full disk: what is kept is only for the next start
            atomic_write(self._file, msgspec.json.encode(known))


async def _logged(stream: asyncio.StreamReader) -> None:
    """What Ray says goes into our log, where somebody looks for a bug."""
    while True:
        try:
            text = await stream.readline()
        except ValueError:  # a line without an end
            continue
        if not text:
            return
        _log.debug("ray: %s", text.decode(errors="replace").rstrip())


def _say(before: Sequence[Node], after: Sequence[Node]) -> None:
    """What has changed, in the log."""
    states = {node.name: (node.state, node.reason) for node in before}
    for node in after:
        if states.pop(node.name, None) != (node.state, node.reason):
            at = f" at {node.url}" if node.url else ""
            why = f": {node.reason}" if node.reason else ""
            _log.info("node %s is %s%s%s", node.name, node.state, at, why)
    for name in states:
        _log.info("node %s has left", name)
