"""Machines that sleep: woken by a packet to their network card, and let sleep by a command of the user's.

The packet (AMD's "Magic Packet Technology", 1995) is six bytes 0xFF and sixteen times the card's address, sent as UDP
to every network that this machine is on. Nothing answers it: whether the machine wakes shows when its daemon answers.
"""

import asyncio
import logging
import socket
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from time import monotonic
from typing import Protocol

import psutil

from paddock import excerpt

_log = logging.getLogger(__name__)

_PORT = 9  # "discard": the card reads the packet, whatever its port
_EVERYWHERE = "255.255.255.255"
_AGAIN_AFTER = 5.0  # seconds until the next packet to one that has not answered yet
_LOOKS_EVERY = 5.0  # seconds between two looks at who is idle
_COMMAND_TAKES = 60.0  # seconds at most
_FAILED_FOR = 600.0  # seconds until a command that failed is tried again


class Nights(Protocol):
    """What the settings say of one node's sleep: `[cluster.nodes.NAME]`."""

    @property
    def mac(self) -> str: ...
    @property
    def sleep(self) -> Sequence[str]: ...
    @property
    def idle(self) -> float: ...


class Stillness(Protocol):
    """Who knows what the nodes do, and who must not be sent a request while it falls asleep."""

    def idle_for(self, node: str) -> float | None:
        """Seconds for which nobody has used it; None: somebody does, it is not there, or nobody knows."""
        ...

    def falls_asleep(self, node: str) -> None:
        """From now on nothing is sent to it but after it was woken."""
        ...

    def stays_awake(self, node: str) -> None:
        """It could not be let sleep: it is as it was."""
        ...


def magic_packet(mac: str) -> bytes:
    """The packet that wakes the card of this address, `0a:1b:2c:3d:4e:5f`. Raises ValueError for any other text."""
    address = bytes.fromhex(mac.replace("-", ":").replace(":", ""))
    if len(address) != 6:
        raise ValueError(f"{mac} is not the address of a network card")
    return b"\xff" * 6 + address * 16


def broadcast_addresses() -> list[str]:
    """Of all networks that this machine is on, and the one that stands for the default's."""
    found = {
        address.broadcast
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family == socket.AF_INET and address.broadcast
    }
    return [_EVERYWHERE, *sorted(found - {_EVERYWHERE})]


def send_packet(mac: str, *, to: Iterable[str], port: int = _PORT) -> int:
    """Send it to these addresses; how many took it. A network that is down is no reason to leave out the others."""
    packet, sent = magic_packet(mac), 0
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        for address in to:
            try:
                sender.sendto(packet, (address, port))
                sent += 1
            except OSError as error:
                _log.info("no packet to %s: %s", address, error)
    return sent


class Waker:
    """Wakes nodes, each by one packet every few seconds however many requests wait for it."""

    def __init__(self, nodes: Mapping[str, Nights]) -> None:
        self._nodes = nodes
        self._sent: dict[str, float] = {}

    def wake(self, node: str, *, to: Sequence[str] | None = None, port: int = _PORT) -> bool:
        """Whether a packet was sent just now; False as well where one was sent a moment ago, or it has no MAC."""
        nights, now = self._nodes.get(node), monotonic()
        if nights is None or not nights.mac:
            return False
        if now - self._sent.get(node, -_AGAIN_AFTER) < _AGAIN_AFTER:
            return False
        self._sent[node] = now
        sent = send_packet(nights.mac, to=broadcast_addresses() if to is None else to, port=port)
        _log.info("%s is woken: a packet to %s over %d networks", node, nights.mac, sent)
        return sent > 0


class Sleepers:
    """Lets nodes sleep that nobody has used for as long as the settings say."""

    def __init__(self, nodes: Mapping[str, Nights], stillness: Stillness) -> None:
        self._nodes, self._stillness = nodes, stillness
        self._not_before: dict[str, float] = {}  # whose command failed

    async def run(self) -> None:
        """Look again and again until cancelled; it ends at once where no node is ever to sleep."""
        while any(nights.idle and nights.sleep for nights in self._nodes.values()):
            await self.look()
            await asyncio.sleep(_LOOKS_EVERY)

    async def look(self) -> list[str]:
        """Run the command of each node that is idle for long enough; those that sleep now."""
        due = [name for name in self._nodes if self._is_due(name)]
        return [name for name in due if await self._let_sleep(name)]

    def _is_due(self, name: str) -> bool:
        nights = self._nodes[name]
        if not nights.idle or not nights.sleep or monotonic() < self._not_before.get(name, 0.0):
            return False
        idle = self._stillness.idle_for(name)
        return idle is not None and idle >= nights.idle

    async def _let_sleep(self, name: str) -> bool:
        self._stillness.falls_asleep(name)
        failure = await _failure_of(self._nodes[name].sleep)
        if not failure:
            _log.info("%s was idle and sleeps", name)
            return True
        self._not_before[name] = monotonic() + _FAILED_FOR
        self._stillness.stays_awake(name)
        _log.warning("%s cannot be let sleep: %s", name, failure)
        return False


async def _failure_of(argv: Sequence[str]) -> str:
    """What went wrong with this command; empty where it ended well. No shell reads it."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    except OSError as error:
        return f"{argv[0]}: {error.strerror or error}"
    try:
        async with asyncio.timeout(_COMMAND_TAKES):
            said, _ = await process.communicate()
    except TimeoutError:
        return f"{argv[0]} did not end within {_COMMAND_TAKES:.0f} s"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode == 0:
        return ""
    words = excerpt.line(said.decode(errors="replace").strip(), excerpt.MESSAGE)
    return f"{argv[0]} ended with {process.returncode}" + (f": {words}" if words else "")
