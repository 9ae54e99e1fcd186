"""What another user of this machine does: a child process that has put root's rights aside."""

import os
import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

STRANGER = 65534  # nobody

needs_root = pytest.mark.skipif(
    os.getuid() != 0,
    reason="ONLY ROOT CAN PLAY ANOTHER USER: what other users can do is not tested here",
)


@contextmanager
def as_another_user(do: Callable[[], object]) -> Iterator[None]:
    """Another user's process does this, then lives for the length of the block."""
    done, tell = os.pipe()
    stay, leave = os.pipe()
    pid = os.fork()
    if not pid:
        _play(do, tell, (done, leave), stay)
    os.close(tell)
    os.close(stay)
    try:
        assert os.read(done, 1) == b"y", "the other user could not do it"
        yield
    finally:
        os.close(leave)
        os.close(done)
        os.waitpid(pid, 0)


def _play(do: Callable[[], object], tell: int, unused: tuple[int, int], stay: int) -> None:
    for descriptor in unused:
        os.close(descriptor)
    try:
        os.setgroups([])
        os.setgid(STRANGER)
        os.setuid(STRANGER)
        kept = do()  # a file stays open as long as somebody holds it
        os.write(tell, b"y")
        select.select([stay], [], [])
        del kept
    finally:
        os._exit(0)
