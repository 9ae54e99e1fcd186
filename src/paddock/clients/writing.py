"""Writes files for clients and restores them: the only module of this room that touches files.

Every file is written atomically. The first version of each existing file is kept, byte for byte,
until `undo` restores it. A record says what we wrote, so that `undo` never overwrites a file that was
changed since.
"""

import difflib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from paddock.atomic_write import atomic_write
from paddock.clients.setting import Change as EntryChange
from paddock.clients.setting import ClientSettings
from paddock.errors import ConfigError
from paddock.plain_file import read_plain, trouble

State = Literal["", "connected", "changed"]  # `changed`: by somebody else, since


@dataclass(frozen=True, slots=True)
class Change:
    """One file before and after; None: it is not there."""

    path: Path
    before: bytes | None
    after: bytes

    @property
    def diff(self) -> str:
        """As `diff -u` shows it."""
        old = (self.before or b"").decode(errors="replace").splitlines(keepends=True)
        new = self.after.decode(errors="replace").splitlines(keepends=True)
        before = str(self.path) if self.before is not None else "/dev/null"
        return "".join(difflib.unified_diff(old, new, before, str(self.path)))


class _Written(msgspec.Struct):
    """A file that we wrote."""

    path: str
    digest: str  # of what we wrote
    backup: str | None  # where the version from before lies; None: there was none


def changes(setting: ClientSettings) -> list[Change]:
    """What would be written. ConfigError names a file of the client's that cannot be parsed."""
    own = [_change(file.path, file.text) for file in setting.files]
    return [*own, *(_edited(edit.path, edit.change) for edit in setting.edits)]


class WrittenFiles:
    """What was written for which client, in the state folder."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / "clients"

    def write(self, client: str, wanted: list[Change]) -> list[Change]:
        """Write what differs, and remember it; returns what was written."""
        known = {one.path: one for one in self._read(client)}
        for change in wanted:
            record = known.get(str(change.path))
            if record is None or _digest(change.before) != record.digest:
                backup = self._keep(client, change)
            else:
                backup = record.backup
            known[str(change.path)] = _Written(str(change.path), _digest(change.after), backup)
            # Before the files, so that they can be restored.
            self._record(client, list(known.values()))
            if change.before != change.after:
                _write(change.path, change.after)
        return [change for change in wanted if change.before != change.after]

    def state(self, client: str) -> State:
        """Whether it is connected."""
        records = self._read(client)
        if not records:
            return ""
        same = all(_digest(_bytes(Path(r.path))) == r.digest for r in records)
        return "connected" if same else "changed"

    def undo(self, client: str) -> list[Path]:
        """Restore what was there before, byte for byte; returns the files.

        ConfigError, and nothing is touched, where one was changed since.
        """
        records = self._read(client)
        if not records:
            raise ConfigError(f"{client} is not connected: there is nothing to undo")
        touched = [
            r for r in records if _digest(_bytes(Path(r.path))) not in (r.digest, _digest(None))
        ]
        if touched:
            where = "; ".join(f"{r.path} (before: {r.backup or 'no file'})" for r in touched)
            raise ConfigError(
                f"changed since Paddock wrote it, and left alone: {where}",
                hint="take Paddock's entry out by hand, or copy the version from before over it",
            )
        for record in records:
            _put_back(record)
        self._forget(client, records)
        return [Path(record.path) for record in records]

    def _read(self, client: str) -> list[_Written]:
        try:
            return msgspec.json.decode(self._file(client).read_bytes(), type=list[_Written])
        except FileNotFoundError:
            return []
        except (OSError, msgspec.DecodeError) as error:
            raise ConfigError(f"{self._file(client)} cannot be read: {trouble(error)}") from error

    def _record(self, client: str, records: list[_Written]) -> None:
        _write(self._file(client), msgspec.json.format(msgspec.json.encode(records)))

    def _forget(self, client: str, records: list[_Written]) -> None:
        for record in records:
            if record.backup:
                Path(record.backup).unlink(missing_ok=True)
        self._file(client).unlink()

    def _keep(self, client: str, change: Change) -> str | None:
        if change.before is None:
            return None
        names = (self._folder / f"{client}.{n}.before" for n in range(1, 10_000))
        path = next(name for name in names if not name.exists())
        _write(path, change.before)
        path.chmod(change.path.stat().st_mode & 0o777 or 0o600)
        return str(path)

    def _file(self, client: str) -> Path:
        return self._folder / f"{client}.json"


def put_aside(setting: ClientSettings) -> Iterator[Path]:
    """Write the files that one run needs, of those that are the user's only what is missing; returns their paths."""
    missing = [file for file in setting.first if not file.path.exists()]
    for file in (*setting.files, *missing):
        _write(file.path, file.text.encode())
        yield file.path


def _edited(path: Path, changed: EntryChange) -> Change:
    before = _bytes(path)
    try:
        text = (before or b"").decode()
        after = changed(text)
    except (ConfigError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} cannot be changed: {error}", hint="mend it, or move it away"
        ) from error
    return Change(path, before, after.encode())


def _change(path: Path, text: str) -> Change:
    return Change(path, _bytes(path), text.encode())


def _put_back(record: _Written) -> None:
    path = Path(record.path)
    if record.backup is None:
        path.unlink(missing_ok=True)
        return
    backup = Path(record.backup)
    _write(path, backup.read_bytes())
    Path(os.path.realpath(path)).chmod(backup.stat().st_mode & 0o777)


def _write(path: Path, content: bytes) -> None:
    try:
        atomic_write(path, content)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


def _bytes(path: Path) -> bytes | None:
    try:
        return read_plain(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error


def _digest(content: bytes | None) -> str:
    return "" if content is None else hashlib.sha256(content).hexdigest()
