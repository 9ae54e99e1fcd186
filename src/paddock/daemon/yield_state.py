"""Whether the GPUs are yielded, kept in a file, so that it outlives the daemon."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from paddock.atomic_write import atomic_write
from paddock.core.model import ProfileId
from paddock.daemon.faults import Faults


class YieldRecord(msgspec.Struct, kw_only=True, frozen=True):
    since: str  # ISO 8601
    by: str
    until: datetime | None = None  # None: until somebody resumes
    back: tuple[ProfileId, ...] = ()

    @property
    def left(self) -> float | None:
        """Seconds until it is over, 0 or less when it is; None: somebody must resume."""
        return (self.until - datetime.now(UTC)).total_seconds() if self.until else None

    @property
    def is_over(self) -> bool:
        return self.left is not None and self.left <= 0


class YieldState:
    """`current` is what is true now, and what the file says."""

    def __init__(self, path: Path, faults: Faults) -> None:
        self._path, self._faults = path, faults
        self.current = self._read()

    def _read(self) -> YieldRecord | None:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=YieldRecord)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            self._faults.note("yield", error)
            return None

    def keep(self, record: YieldRecord) -> None:
        """A file that cannot be written costs only that a restart forgets it."""
        self.current = record
        with self._faults.caught("yield"):
            atomic_write(self._path, msgspec.json.encode(record))

    def clear(self) -> None:
        self.current = None
        with self._faults.caught("yield"):
            self._path.unlink(missing_ok=True)
