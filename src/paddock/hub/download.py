"""One file from a hub: from where a partial one ends, in whichever process, checked before it gets its name.

The library streams it (Range, redirects, waiting on 429, proxies, Xet); what it writes into is a `FileSink`, which
keeps within the length that the hub named and has what is written hashed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, cast

from paddock.errors import PaddockError
from paddock.hub.budget import Disk, TransferPace
from paddock.hub.checking import Follower, hash_of, is_the_file
from paddock.hub.library import Hub, translated
from paddock.hub.meter import Meter
from paddock.hub.names import HubName
from paddock.hub.places import Place
from paddock.hub.refusals import HubContradicts, HubUnreachable, Interrupted, InTheWay
from paddock.hub.repository import HubFile
from paddock.hub.xet import is_by_xet, xet_pieces

if TYPE_CHECKING:
    from typing import BinaryIO

_LOOK_EVERY = 64 << 20  # bytes between two looks at the disk
_LOCK_WAIT = 1.0  # seconds, between two looks whether we were stopped


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a file is tried again while nothing more of it comes, and how long between. Seconds."""

    tries: int = 5
    first: float = 1.0
    most: float = 30.0

    def wait(self, failures: int) -> float:
        return min(self.most, self.first * 2.0 ** (failures - 1))


@dataclass(frozen=True, slots=True)
class Session:
    """What all files of one pull share."""

    hub: Hub
    name: HubName
    commit: str
    place: Place
    disk: Disk
    pace: TransferPace
    meter: Meter
    stop: Event
    patience: Patience


class Download:
    """One file of a session."""

    def __init__(self, session: Session, file: HubFile) -> None:
        self._session, self._file = session, file
        self._xet_failed = False  # then the next try takes HTTP

    def run(self) -> Path:
        """The whole file under its final name. Blocking.

        HubContradicts, HubUnreachable, NotOnHub, NoDiskSpace, InTheWay, Interrupted say why not; but for
        HubContradicts, what has come stays.
        """
        with self._held():
            if not self._is_there():
                self._fetch()
                self._session.place.settle(self._file)
        self._session.meter.at(self._file.path, self._file.size, "done")
        with translated(f"file {self._file.path}"):
            return self._session.place.opened_as(self._file)

    # ---- whoever else fetches it, or has ----

    @contextmanager
    def _held(self) -> Iterator[None]:
        """For as long as nobody else fetches it."""
        from filelock import Timeout
        from huggingface_hub.utils import WeakFileLock

        lock = self._session.place.lock(self._file)
        lock.parent.mkdir(parents=True, exist_ok=True)
        while True:
            self._must_go_on()
            held = WeakFileLock(lock, timeout=_LOCK_WAIT)
            try:
                held.__enter__()
            except Timeout:
                self._session.meter.note(
                    f"waits for another program that fetches {self._file.path}"
                )
                continue
            break
        try:
            yield
        finally:
            held.__exit__(None, None, None)

    def _is_there(self) -> bool:
        """InTheWay where another file has its name."""
        content = self._session.place.content(self._file)
        if not os.path.lexists(content):
            return False
        self._session.meter.at(self._file.path, 0, "checking")
        if is_the_file(content, self._file):
            return True
        hint = "`paddock pull --update` fetches beside it; or move it away"
        raise InTheWay(f"{content} is not the file that the hub has", hint=hint)

    def _must_go_on(self) -> None:
        if self._session.stop.is_set():
            raise Interrupted("the download was stopped")

    # ---- the bytes ----

    @property
    def _partial(self) -> Path:
        return self._session.place.partial(self._file)

    def _fetch(self) -> None:
        """The partial file becomes whole and checked; begun anew once where a resumed one has another hash."""
        self._partial.parent.mkdir(parents=True, exist_ok=True)
        was_resumed = self._begun() > 0
        if self._comes_right():
            return
        self._partial.unlink(missing_ok=True)
        if was_resumed and self._comes_right():
            return
        self._partial.unlink(missing_ok=True)
        raise HubContradicts(
            f"{self._file.path} came with another content than the hub says (its hash differs)",
            hint="nothing was kept; try again, and look at proxies and at HF_ENDPOINT if it happens again",
        )

    def _begun(self) -> int:
        """Bytes that are there of it. A partial file that cannot be one is removed."""
        with suppress(FileNotFoundError):
            facts = self._partial.lstat()
            if (
                self._partial.is_file()
                and not self._partial.is_symlink()
                and facts.st_size <= self._file.size
            ):
                return facts.st_size
            self._partial.unlink()
        return 0

    def _comes_right(self) -> bool:
        """Try until it is whole; whether its hash is the hub's."""
        failures = 0
        while True:
            before = self._begun()
            try:
                return self._attempt(before) == self._file.etag
            except HubUnreachable as error:
                self._must_go_on()
                failures = 1 if self._begun() > before else failures + 1
                if failures > self._session.patience.tries or self._session.hub.is_offline:
                    raise
                wait = self._session.patience.wait(failures)
                self._session.meter.note(f"{error.message}; again in {wait:.0f} s")
                self._session.stop.wait(wait)

    def _attempt(self, begun: int) -> str:
        """Stream what lacks; the hash of all of it."""
        self._must_go_on()
        if begun == self._file.size:
            self._session.meter.at(self._file.path, begun, "checking")
            return hash_of(self._partial, self._file)
        self._session.disk.must_hold(self._file.size - begun)
        self._session.meter.at(self._file.path, begun, "fetching")
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._partial, flags, 0o644)
        try:
            with Follower(self._partial, self._file, written=begun) as follower:
                sink = FileSink(descriptor, begun, self._session, self._file, follower)
                with self._session.disk.written_to():
                    self._stream(sink, begun)
                self._session.meter.at(self._file.path, self._file.size, "checking")
                return follower.digest()
        finally:
            os.close(descriptor)

    def _stream(self, sink: FileSink, begun: int) -> None:
        from huggingface_hub.file_download import get_hf_file_metadata, http_get

        hub, file = self._session.hub, self._file
        url = hub.file_url(self._session.name, self._session.commit, file.path)
        with self._as_ours(), translated(f"file {file.path}"):
            about = get_hf_file_metadata(
                url, headers=hub.headers(), token=False, endpoint=hub.endpoint
            )
            self._must_agree(about)
            if is_by_xet(about, file.size, has_failed=self._xet_failed):
                self._xet_failed = True  # until it has not
                for piece in xet_pieces(about.xet_file_data, hub, file.size, begun):
                    sink.write(piece)
                self._xet_failed = False
            else:
                http_get(
                    url,
                    cast("BinaryIO", sink),
                    resume_size=begun,
                    headers=hub.headers(),
                    expected_size=file.size,
                    displayed_filename=file.name,
                )
        if sink.tell() != file.size:
            raise HubUnreachable(f"{file.path} ended after {sink.tell():,} of {file.size:,} bytes")

    def _must_agree(self, about: Any) -> None:
        """The file is as the list said: a hub that contradicts itself is not written down."""
        if about.etag != self._file.etag or about.size not in (None, self._file.size):
            raise HubContradicts(
                f"the hub lists {self._file.path} with {self._file.size:,} bytes and hash "
                f"{self._file.etag[:12]}…, and offers {about.size or 0:,} and {str(about.etag)[:12]}…"
            )

    @contextmanager
    def _as_ours(self) -> Iterator[None]:
        """What the library raises besides errors of HTTP: a reply that ended early, or our own stop."""
        try:
            yield
        except PaddockError:
            raise
        except OSError as error:
            if error.errno is None:  # the library's "Consistency check failed"
                words = f"{self._file.path}: the hub's reply ended early"
                raise HubUnreachable(words) from error
            raise
        except (RuntimeError, ValueError) as error:  # a client that was closed under it
            self._must_go_on()
            raise HubUnreachable(f"{self._file.path}: {error}") from error


class FileSink:
    """What the library writes into: a file that never grows beyond its length."""

    def __init__(
        self, descriptor: int, begun: int, session: Session, file: HubFile, follower: Follower
    ) -> None:
        self._descriptor, self._at = descriptor, begun
        self._session, self._file, self._follower = session, file, follower
        self._look_at = begun + _LOOK_EVERY

    def write(self, piece: bytes) -> int:
        """Interrupted where somebody stopped it, HubContradicts where it gets too long."""
        if self._session.stop.is_set():
            raise Interrupted("the download was stopped")
        if self._at + len(piece) > self._file.size:
            words = (
                f"{self._file.path} is longer than the {self._file.size:,} bytes that the hub names"
            )
            raise HubContradicts(words)
        if self._at >= self._look_at:
            self._session.disk.must_hold(self._file.size - self._at)
            self._look_at = self._at + _LOOK_EVERY
        view = memoryview(piece)
        while view:
            written = os.pwrite(self._descriptor, view, self._at)
            self._at, view = self._at + written, view[written:]
        self._follower.wrote(self._at)
        self._session.meter.came(self._file.path, len(piece), self._at)
        self._session.pace.spend(len(piece), self._session.stop)
        return len(piece)

    def tell(self) -> int:
        return self._at

    def seek(self, at: int) -> int:
        """Only the library's way back to the beginning, where a hub ignores a range."""
        self._at = at
        return at

    def truncate(self) -> int:
        os.ftruncate(self._descriptor, self._at)
        self._follower.restarted()
        return self._at
