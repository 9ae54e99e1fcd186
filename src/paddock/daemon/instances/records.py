"""The files by which a later daemon finds the instances of an earlier one.

`STATE/instances/<number>/` holds an instance's record, log, state lines and FIFO;
`RUNTIME/<number>/llama.sock` is its socket. Everything is private to the user: logs may hold prompts.
"""

import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from paddock.api.placement import LoadMode, Placement
from paddock.atomic_write import atomic_write
from paddock.daemon.instances.reserve import Reserve
from paddock.llama.process import Plumbing
from paddock.llama.signs import Signs
from paddock.placement.replayable import Replay
from paddock.private import believed, keep_private


class Record(msgspec.Struct, kw_only=True):
    """What must be known to take an instance over."""

    instance: str
    number: int
    profile: str
    fingerprint: str
    recipe: str = ""  # "" in records of older daemons
    argv: list[str]
    mark: str = ""  # in its environment, so that it is known again; "" in records of older daemons
    engine: str
    engine_version: str
    socket: str
    size_mib: int
    created: str
    stop_timeout: float
    pid: int = 0  # 0: it was not started yet, or its daemon died at that very moment
    started: int = 0
    boot: str = ""
    server: int = 0  # the llama-server's own process, where `pid` only runs it (a container)
    speaks_protocol: bool = False  # the child protocol: known once it is ready
    load_seconds: float | None = None
    placement: Placement | None = None  # as its log said until it was ready
    replay: Replay | None = None  # what it was given of its plan; None: fit searches
    load_mode: LoadMode | None = None  # that was chosen for it; None: its profile's
    contexts: str = ""  # the folder of its saved contexts; "": none are saved
    context_kind: str = ""  # its flags and its build (`contexts.context_kind`); "": none are saved
    architecture: str = (
        ""  # of its model, as its log says; "": of an older daemon, or not loaded yet
    )
    load_id: int | None = None  # of this load in the history
    is_early: bool = False  # begun before its turn, and held: no daemon but its own needs it
    ended: bool = False

    @property
    def signs(self) -> Signs:
        return Signs(self.argv, self.mark)

    @property
    def worker(self) -> int:
        """The process that holds memory and reads files; 0: none yet."""
        return self.server or self.pid


class Records:
    """All instance folders of one state folder."""

    def __init__(self, state_dir: Path, runtime_dir: Path, *, kept: int) -> None:
        self.state_dir, self._root = state_dir, state_dir / "instances"
        self._runtime = runtime_dir
        self._kept = kept
        self.reserve = Reserve(state_dir)
        for folder in (state_dir, self._root, runtime_dir):
            keep_private(folder)

    @property
    def sockets(self) -> Path:
        """The folder in which each instance has a folder for its socket."""
        return self._runtime

    def plumbing(self, number: int) -> Plumbing:
        return Plumbing(self._root / str(number))

    def socket(self, number: int) -> Path:
        """Where the instance of this number listens; a leftover of that name is removed.

        Each in a folder of its own: a container is given that, and no other instance's socket.
        """
        path = self._runtime / str(number) / "llama.sock"
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        return path

    def begin(self, record: Record) -> None:
        """Have all files of a new instance there, its record included. Raises OSError."""
        self.reserve.spend(self.plumbing(record.number).create)
        self.save(record)

    def begin_again(self, record: Record) -> None:
        """The same instance with another process; what the first one logged stays readable before it.

        Raises OSError.
        """
        self.reserve.spend(self.plumbing(record.number).put_aside)
        self.begin(record)

    def save(self, record: Record) -> None:
        """Write it so that a crash leaves the old or the new one, never half of one. Raises OSError."""
        file = self._root / str(record.number) / "record.json"
        self.reserve.spend(lambda: atomic_write(file, msgspec.json.encode(record)))

    def close(self, record: Record) -> None:
        """Note that it has ended; its log stays readable until newer ones push it out."""
        record.ended = True
        self.save(record)
        _remove_socket(Path(record.socket))
        with suppress(FileNotFoundError):
            self.plumbing(record.number).stdin.unlink()
        self._forget_oldest()

    def remove(self, record: Record) -> None:
        """Forget one that came to nothing, with all its files."""
        _remove_socket(Path(record.socket))
        shutil.rmtree(self._root / str(record.number), ignore_errors=True)

    def __iter__(self) -> Iterator[Record]:
        """All readable records, oldest first."""
        found = (self._read(number) for number in self._numbers())
        yield from (record for record in found if record)

    def _read(self, number: int) -> Record | None:
        with suppress(OSError, msgspec.MsgspecError):
            record = msgspec.json.decode(
                believed(self._root / str(number) / "record.json"), type=Record
            )
            return record if record.number == number else None
        return None

    def next_number(self) -> int:
        return max(self._numbers(), default=0) + 1

    @property
    def place(self) -> Path:
        """The folder in which each instance gets a folder of its own."""
        return self._root

    def of(self, name: str | None) -> list[Record]:
        """Those of this profile, or the one of this instance, oldest first; None: all."""
        return [r for r in self if name is None or name in (r.instance, r.profile)]

    def is_over(self, number: int) -> bool:
        """Whether it has ended, or is forgotten already."""
        record = self._read(number)
        return record is None or record.ended

    def _numbers(self) -> list[int]:
        return sorted(int(entry.name) for entry in self._root.iterdir() if entry.name.isdecimal())

    def _forget_oldest(self) -> None:
        ended = [record.number for record in self if record.ended]
        for number in ended[: -self._kept or None]:
            shutil.rmtree(self._root / str(number), ignore_errors=True)


def _remove_socket(path: Path) -> None:
    with suppress(OSError):  # it went with its server; and an older daemon's lay beside others
        if stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()
        if path.parent.name.isdecimal():
            path.parent.rmdir()
