"""Listening sockets, from a daemon that ends to the one that takes its place: nobody is refused meanwhile.

`paddock restart` waits at a socket in the state folder, which is this user's alone (`SocketTaker`). The daemon
that ends sends its listening sockets there (`offer`), and the next one is started with them
(`inherited`). Whoever connects in between is held by the kernel until that one accepts.
"""

import os
import socket
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

VARIABLE = "PADDOCK_SOCKETS"  # descriptors of the new daemon that are listening sockets
_NAME = "handover.sock"
_MOST = 8
_PATIENCE = 1.0  # seconds; either side only puts into a queue, or takes from it


class SocketTaker:
    """Whoever starts the next daemon. A context manager: what was taken is closed at its end."""

    def __init__(self, state_dir: Path) -> None:
        self._place = state_dir / _NAME
        self._waiting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sockets: list[socket.socket] = []

    def __enter__(self) -> "SocketTaker":
        self._place.unlink(missing_ok=True)
        with _short(self._place) as path:
            self._waiting.bind(path)
        self._place.chmod(0o600)
        self._waiting.listen(1)
        self._waiting.setblocking(False)
        return self

    def take(self) -> list[socket.socket]:
        """What the old daemon, which has ended, left; nothing where it is of before such times."""
        with suppress(OSError):
            sender, _ = self._waiting.accept()
            with sender:
                sender.settimeout(_PATIENCE)
                _, numbers, *_ = socket.recv_fds(sender, 1, _MOST)
            self.sockets = [socket.socket(fileno=number) for number in numbers]
        return self.sockets

    def __exit__(self, *_: object) -> None:
        for one in (self._waiting, *self.sockets):
            one.close()
        self._place.unlink(missing_ok=True)


def offer(state_dir: Path, listening: Iterable[socket.socket]) -> bool:
    """Leave these sockets to whoever waits for them; whether anybody does."""
    place = state_dir / _NAME
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as to:
        facts = place.lstat()
        if stat.S_ISSOCK(facts.st_mode) and facts.st_uid == os.getuid():
            to.settimeout(_PATIENCE)
            with _short(place) as path:
                to.connect(path)
            socket.send_fds(to, [b"!"], [one.fileno() for one in listening])
            return True
    return False


@contextmanager
def inherited() -> Iterator[list[socket.socket]]:
    """The listening sockets that this process was started with; those left in the list are closed.

    No process that we start sees them.
    """
    sockets = list(_named(os.environ.pop(VARIABLE, "")))
    try:
        yield sockets
    finally:
        for one in sockets:
            one.close()


def _named(words: str) -> Iterator[socket.socket]:
    for word in words.split(","):
        with suppress(ValueError, OSError):  # no number, no descriptor of ours, no socket
            one = socket.socket(fileno=int(word))
            one.set_inheritable(False)
            if one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                yield one
            else:
                one.detach()  # not ours to close


@contextmanager
def _short(place: Path) -> Iterator[str]:
    """A name for a socket, of which the kernel takes 107 letters."""
    folder = os.open(place.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{place.name}"
    finally:
        os.close(folder)
