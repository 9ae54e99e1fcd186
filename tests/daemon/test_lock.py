"""One daemon to a state folder, and no other user who keeps it from starting."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from paddock.daemon.lock import alone
from paddock.errors import DaemonAlreadyRuns
from tests.strangers import as_another_user, needs_root


@pytest.fixture
def state() -> Iterator[Path]:
    """As an older daemon left it: open to others."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        folder = Path(name) / "state"
        folder.mkdir(mode=0o755)
        (folder / "daemon.lock").write_text("4194000")
        (folder / "daemon.lock").chmod(0o644)
        yield folder


def hold(file: Path, kind: int) -> object:
    lock = file.open()
    fcntl.flock(lock, kind | fcntl.LOCK_NB)
    return lock


@needs_root
@pytest.mark.parametrize("kind", [fcntl.LOCK_SH, fcntl.LOCK_EX])
def test_another_users_lock_keeps_no_daemon_from_starting(state: Path, kind: int):
    with as_another_user(lambda: hold(state / "daemon.lock", kind)):
        for _ in range(2):
            with alone(state):
                assert (state / "daemon.lock").read_text() == str(os.getpid())
                assert (state / "daemon.lock").stat().st_mode & 0o777 == 0o600


@needs_root
def test_nor_can_he_take_one_now(state: Path):
    with (
        alone(state),
        pytest.raises(AssertionError, match="could not"),
        as_another_user(lambda: hold(state / "daemon.lock", fcntl.LOCK_SH)),
    ):
        pass


def test_a_process_of_ours_does(state: Path):
    taken, tell = os.pipe()
    stay, leave = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(leave)
        kept = hold(state / "daemon.lock", fcntl.LOCK_EX)
        os.write(tell, b"y")
        os.read(stay, 1)
        os._exit(kept is None)
    assert os.read(taken, 1) == b"y"
    with pytest.raises(DaemonAlreadyRuns, match="pid 4194000"), alone(state):
        pass
    os.close(leave)
    os.waitpid(pid, 0)
    with alone(state):
        pass
