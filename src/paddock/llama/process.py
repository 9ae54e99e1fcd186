"""One llama-server process: started, recognised again by a later daemon, ended, never left behind.

A child leads its own session, so it outlives us and its whole group can be signalled. Its standard
input is a FIFO that it holds open itself (opened read-write, it never reaches end of file: with the
router's child protocol on, end of file would end the server), and any later daemon can write the
exit command into it. Its output goes to files, so that no slow reader can block it. The end of a
process is seen through a pidfd: at once, also for a process that is not our child.
"""

import asyncio
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from paddock.llama.output import EXIT_COMMAND
from paddock.llama.signs import MARK, Signs, group_of, is_stopped, leads

_LAST_ANSWER = 0.1  # seconds
_STOPS_WITHIN, _MOMENT = 2.0, 0.001  # seconds; a driver's call may last some 0.1
_LOOKS = 50  # a moment apart
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Identity:
    """A process, distinguished from a later one with the same number by its start time."""

    pid: int
    started: int  # clock ticks since boot: field 22 of /proc/PID/stat, see proc(5)
    boot: str

    @classmethod
    def of(cls, pid: int) -> "Identity | None":
        """The identity of the process that has this number now; None if there is none."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return None
        state, *rest = stat.rsplit(")", 1)[1].split()
        if state in "ZX":
            return None
        return cls(pid, int(rest[18]), _BOOT_ID.read_text().strip())

    def is_alive(self) -> bool:
        return Identity.of(self.pid) == self


@dataclass(frozen=True, slots=True)
class Plumbing:
    """The files between a child and us, all in its own 0700 folder."""

    folder: Path

    @property
    def stdin(self) -> Path:
        return self.folder / "stdin"

    @property
    def state(self) -> Path:
        """Its standard output: the lines of the child protocol."""
        return self.folder / "state"

    @property
    def log(self) -> Path:
        """Its standard error."""
        return self.folder / "log"

    @property
    def earlier_log(self) -> Path:
        """What was written before the log was last cut (`llama.follow`)."""
        return self.folder / "log.1"

    def put_aside(self) -> None:
        """Make room for another process: nothing of the last one is read as if it were of the next."""
        self.log.replace(self.earlier_log)
        self.state.unlink(missing_ok=True)

    def create(self) -> None:
        """Create all of them."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.mkfifo(self.stdin, 0o600)
        for file in (self.state, self.log):
            file.touch(mode=0o600)


class Child:
    """A running process, ours or inherited, and the group it leads."""

    def __init__(
        self,
        identity: Identity,
        plumbing: Plumbing,
        own: subprocess.Popen[bytes] | None = None,
        *,
        signs: Signs,
    ) -> None:
        self.identity = identity
        self._signs = signs
        self._plumbing = plumbing
        self._own = own
        self._doom: asyncio.TimerHandle | None = None  # kills it, if it was ended quietly
        self._pidfd = os.pidfd_open(identity.pid)
        self._ended = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(self._pidfd, self._note_end)

    @property
    def pid(self) -> int:
        return self.identity.pid

    async def wait(self) -> int | None:
        """Its exit code once it has ended (negative: the signal); None for an inherited process.

        Whatever is left of its group has been killed by then.
        """
        await asyncio.shield(self._ended)
        return self._own.wait() if self._own else None

    async def stop(self, grace: float, *, by_command: bool = False) -> int | None:
        """Ask it to end, wait for `grace` seconds, kill it; its exit code once its group is gone.

        `by_command`: it is ready and knows the child protocol, so it is asked by its exit command,
        and by SIGTERM only when half of the grace has passed. While loading, only SIGTERM ends it.
        Ready, SIGTERM alone leaves it waiting for its standard input for ever, and both at once
        leave it hanging in one of eight tries (build 11434, with a request just cut off).
        """
        if by_command:
            self._write(EXIT_COMMAND)
            if not await self._ends_within(grace / 2):
                self.signal(signal.SIGTERM)
                await self._ends_within(grace / 2)
        else:
            self.signal(signal.SIGTERM)
            await self._ends_within(grace)
        self.signal(signal.SIGKILL)  # also for others that a wrapper script may have left behind
        return await self.wait()

    async def begin_calls_anew(self) -> bool:
        """Stop the whole group for a moment, so that a call in which it waits begins anew.

        False where it could not be seen to stop. One that is starting another (vfork) stops only when
        that has begun, which it cannot while it is stopped: so this is tried again and again.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOPS_WITHIN):
                while not await self._stops_for_a_moment():  # noqa: ASYNC110  # no event says so
                    await asyncio.sleep(_MOMENT)
                return True
        return False

    async def _stops_for_a_moment(self) -> bool:
        self.signal(signal.SIGSTOP)
        try:
            for _ in range(_LOOKS):
                if all(map(is_stopped, group_of(self.pid))):
                    return True
                await asyncio.sleep(_MOMENT)
        finally:
            self.signal(signal.SIGCONT)
        return False

    async def end_at_once(self) -> None:
        """Kill it, also where it is stopped; return when its group is gone."""
        self.signal(signal.SIGKILL)
        await self.wait()
        self.close()

    def end_quietly(self) -> None:
        """Have it end soon, so that no server which answers it is hurt.

        `ggml-rpc-server` dies of SIGPIPE when its client is gone while it answers (build 11434), and
        with it all that others have on it. A stopped client sends nothing more, and what it asked
        last is answered in a moment.
        """
        self.signal(signal.SIGSTOP)
        if self._doom is None:
            loop = asyncio.get_running_loop()
            self._doom = loop.call_later(_LAST_ANSWER, self.signal, signal.SIGKILL)

    async def _ends_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.wait()
                return True
        return False

    def _write(self, command: str) -> None:
        with suppress(OSError):  # nobody reads any more
            fifo = os.open(self._plumbing.stdin, os.O_WRONLY | os.O_NONBLOCK)
            try:
                os.write(fifo, command.encode())
            finally:
                os.close(fifo)

    def signal(self, number: signal.Signals) -> None:
        """Signal the whole group, if any of it is left and it is provably the one that we started."""
        if self._holds_its_number():
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def _holds_its_number(self) -> bool:
        """A child that we have not reaped does; else a process of the group, the leader or one left.

        What cannot be looked at is not provably ours.
        """
        if self._own is not None and self._own.returncode is None:
            return True
        try:
            return self.identity.is_alive() or self._signs.group_lives(self.pid)
        except OSError:  # no descriptor is left to check it
            return False

    def close(self) -> None:
        """Stop watching it; the process goes on, but for one that was ended quietly: it is stopped, and
        nobody else would kill it."""
        if self._doom is not None:
            self._doom.cancel()
            self._doom = None
            self.signal(signal.SIGKILL)
        if self._pidfd >= 0:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1

    def _note_end(self) -> None:
        """It ended. A wrapper script may have left other processes behind: kill them too.

        A child of ours is not reaped yet, so its number cannot have become another group's.
        """
        self.signal(signal.SIGKILL)
        self.close()
        if not self._ended.done():
            self._ended.set_result(None)


def spawn(argv: Sequence[str], env: Mapping[str, str], plumbing: Plumbing) -> Child:
    """Start `argv` as the leader of a new session. Raises OSError if it cannot be started."""
    plumbing.create()
    stdin = os.open(plumbing.stdin, os.O_RDWR)
    try:
        with _appending(plumbing.state) as state, _appending(plumbing.log) as log:
            own = subprocess.Popen(
                list(argv),
                env=dict(env),
                stdin=stdin,
                stdout=state,
                stderr=log,
                start_new_session=True,
            )
    finally:
        os.close(stdin)
    try:
        identity = Identity.of(own.pid) or Identity(own.pid, 0, "")  # it may have ended already
        return Child(identity, plumbing, own, signs=Signs(tuple(argv), env.get(MARK, "")))
    except OSError:  # no descriptor is left to check it: nobody would ever end it
        os.killpg(own.pid, signal.SIGKILL)
        own.wait()
        raise


def adopt(identity: Identity, plumbing: Plumbing, signs: Signs) -> Child | None:
    """The process that an earlier daemon started; None if it is gone, or not provably that one."""
    if not identity.is_alive():
        return None
    try:
        child = Child(identity, plumbing, signs=signs)
    except ProcessLookupError:
        return None
    # Asked once the pidfd is open: the number cannot change hands now.
    if identity.is_alive() and leads(identity.pid) and signs.are_on(identity.pid):
        return child
    child.close()
    return None


def _appending(path: Path) -> BinaryIO:
    return path.open("ab")
