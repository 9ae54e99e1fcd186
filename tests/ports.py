"""Ports for servers that a test starts by number: nobody else is given them meanwhile.

A port that the kernel chose and that was let go again may be anybody's a moment later, most of all
where several workers run tests side by side. So these lie below those that the kernel chooses from, in
a part for each worker, and each is handed out once before any is used again.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle

_FIRST, _EACH, _WORKERS = 20_000, 500, 24  # up to 32,000; Linux chooses from 32,768 on


def _own() -> Iterator[int]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    begin = _FIRST + int(worker) % _WORKERS * _EACH
    # Another run of the tests on this machine most likely begins elsewhere.
    shift = os.getpid() % _EACH
    return cycle([begin + (shift + number) % _EACH for number in range(_EACH)])


_PORTS = _own()


def free_port() -> int:
    """One of 127.0.0.1 on which nobody listens. Raises AssertionError where all are taken."""
    for _ in range(_EACH):
        port = next(_PORTS)
        with suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")
