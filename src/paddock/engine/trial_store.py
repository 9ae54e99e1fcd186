"""What trials found out about builds, and which engines were the default before: `STATE/engines.json`."""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from paddock.atomic_write import atomic_write
from paddock.engine.engine import Engine

_FORMER = 20  # defaults that are remembered


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """The newest trial of one build."""

    engine: str  # by the name that it had
    version: str
    tried_at: str  # UTC
    against: str = ""
    passed: bool
    cases: int  # how many models it was tried on
    failures: list[str] = []  # what was worse or failed, a line each


class TrialStore(msgspec.Struct, kw_only=True):
    """The store as one value. Builds go by their `build_mark`: a binary that was replaced has not been tried."""

    trials: dict[str, Trial] = {}
    former: list[str | None] = []  # the defaults before the present one, the latest last

    def trial_of(self, engine: Engine) -> Trial | None:
        return self.trials.get(engine.build_mark)

    def note_default(self, former: str | None) -> None:
        """Remember the default that is being replaced."""
        self.former = [*self.former, former][-_FORMER:]


def open_trial_store(state_dir: Path) -> TrialStore:
    """The store as last written; an empty one where the file cannot be read."""
    with suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(_file(state_dir).read_bytes(), type=TrialStore)
    return TrialStore()


def write_trial_store(state_dir: Path, store: TrialStore) -> None:
    """Written atomically. OSError."""
    atomic_write(_file(state_dir), msgspec.json.format(msgspec.json.encode(store), indent=2))


def today() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _file(state_dir: Path) -> Path:
    return state_dir / "engines.json"
