"""A way in that keeps count: TCP before a daemon, with a note of each request and of its answer.

What a browser shows its pages, and its tests, is not what was answered: it hides much of it.
"""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_REQUEST = re.compile(rb"^(?:GET|HEAD|POST|OPTIONS) (\S+) HTTP/1\.1\r\n", re.MULTILINE)
_ANSWER = re.compile(rb"^HTTP/1\.1 (\d{3})", re.MULTILINE)


class Doorway:
    """What went through, in the order of the answers."""

    def __init__(self, port: int) -> None:
        self.answered: list[tuple[str, int]] = []  # path and status
        self._there = ("127.0.0.1", port)
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        threading.Thread(target=self._let_in, daemon=True).start()

    def close(self) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()

    def _let_in(self) -> None:
        with suppress(OSError):
            while True:
                outer, _ = self._door.accept()
                inner = socket.create_connection(self._there)
                asked: list[str] = []
                for pair in ((outer, inner, asked, False), (inner, outer, asked, True)):
                    threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, source: socket.socket, to: socket.socket, asked: list[str], back: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if not back:
                    asked += [path.decode() for path in _REQUEST.findall(data)]
                to.sendall(data)
                if back:
                    for status in _ANSWER.findall(data):
                        self.answered.append((asked.pop(0), int(status)))
        for end in (source, to):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()


@contextmanager
def doorway(port: int) -> Iterator[Doorway]:
    """One that leads to this port of 127.0.0.1, for the length of the block."""
    door = Doorway(port)
    try:
        yield door
    finally:
        door.close()
