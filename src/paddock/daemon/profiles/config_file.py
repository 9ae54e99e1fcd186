"""models.conf as a file that is written from here, and the texts that it had before. Blocking, no meaning read.

Earlier texts lie in `STATE/earlier-configs/<models.conf>/`, as `000001-FINGERPRINT`, for their owner alone.
"""

import os
import re
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from paddock.api.editing import EarlierText
from paddock.atomic_write import atomic_write
from paddock.daemon.clock import time_in_utc
from paddock.errors import ConfigChangedMeanwhile, ConfigError, NoSuchThing, StateUnwritable
from paddock.plain_file import read_plain

LARGEST = 1 << 20  # bytes of a models.conf that can be edited here
_KEPT = 20  # earlier texts
_NAME = re.compile(r"\d{6}-[0-9a-f]{64}")


def fingerprint_of(content: bytes | None) -> str:
    """SHA-256 of the bytes; empty where there is no file."""
    return "" if content is None else sha256(content).hexdigest()


class ConfigFile:
    """One models.conf and what stood in it before."""

    def __init__(self, path: Path, state_dir: Path) -> None:
        self.path = path
        name = sha256(str(path.absolute()).encode()).hexdigest()[:16]
        self._folder = state_dir / "earlier-configs" / name

    def read(self) -> bytes | None:
        """All of it; None where there is no file. ConfigError where it cannot be read, or is too large."""
        try:
            content = read_plain(self.path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be read: {error.strerror}") from error
        if len(content) > LARGEST:
            raise ConfigError(f"{self.path} is too large to be edited here: {len(content):,} bytes")
        return content

    def write_protection(self) -> str:
        """Why it cannot be written; empty where it can.

        Its own mode counts, though to replace a file takes a right to its folder alone: it says what is wanted.
        """
        target = Path(os.path.realpath(self.path))
        if target.exists() and not target.stat().st_mode & stat.S_IWUSR:
            return f"{target} is write-protected: chmod u+w lets it be edited"
        for path in (target, target.parent):
            if path.exists() and not os.access(path, os.W_OK):
                return f"{path} cannot be written by the daemon"
        return ""

    def replace(self, content: bytes, based_on: str) -> None:
        """Write it whole, and keep what it replaces.

        ConfigChangedMeanwhile, with nothing changed, where it is not the text of this fingerprint any more;
        StateUnwritable where that could not be kept; ConfigError where it cannot be written.
        """
        before = self._expected(based_on)
        if content == before:
            return
        if before is not None:
            self._keep(before)
        try:
            atomic_write(self.path, content, prove=lambda _: self._expected(based_on))
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be written: {error.strerror}") from error

    def _expected(self, based_on: str) -> bytes | None:
        found = self.read()
        self.must_be(found, based_on)
        return found

    def must_be(self, found: bytes | None, based_on: str) -> None:
        """Raise ConfigChangedMeanwhile where these bytes are others than those an edit began with."""
        if (now := fingerprint_of(found)) != based_on:
            raise ConfigChangedMeanwhile(
                f"{self.path} was changed in the meantime",
                hint="nothing was written; look at what is there now, and write yours over it if that is meant",
                fingerprint=now,
            )

    # ---- earlier texts ----

    def earlier(self) -> list[EarlierText]:
        """Those that are kept, the newest first."""
        return [
            EarlierText(
                fingerprint=_fingerprint(entry),
                replaced_at=time_in_utc(datetime.fromtimestamp(facts.st_mtime, UTC)),
                size=facts.st_size,
            )
            for entry in reversed(self._entries())
            for facts in [entry.stat()]
        ]

    def earlier_text(self, fingerprint: str | None) -> bytes:
        """The bytes of one, None: of the newest. NoSuchThing where it is not kept."""
        found = (e for e in reversed(self._entries()) if fingerprint in {None, _fingerprint(e)})
        if entry := next(found, None):
            return entry.read_bytes()
        raise NoSuchThing("that earlier text of models.conf is not kept")

    def _entries(self) -> list[Path]:
        try:
            return sorted(e for e in self._folder.iterdir() if _NAME.fullmatch(e.name))
        except OSError:
            return []

    def _keep(self, content: bytes) -> None:
        entries, fingerprint = self._entries(), fingerprint_of(content)
        number = int(entries[-1].name.partition("-")[0]) + 1 if entries else 1
        try:
            atomic_write(self._folder / f"{number:06}-{fingerprint}", content)
            for entry in self._superfluous(entries, fingerprint):
                entry.unlink()
        except OSError as error:
            raise StateUnwritable(
                f"the text that models.conf has now could not be kept: {error.strerror}",
                hint="nothing was written; make room on the disk of the state folder",
            ) from error

    @staticmethod
    def _superfluous(entries: list[Path], fingerprint: str) -> Iterator[Path]:
        """An older one that is the same, and those beyond the number that is kept."""
        others = [entry for entry in entries if _fingerprint(entry) != fingerprint]
        yield from (entry for entry in entries if entry not in others)
        yield from others[: max(0, len(others) + 1 - _KEPT)]


def _fingerprint(entry: Path) -> str:
    return entry.name.partition("-")[2]
