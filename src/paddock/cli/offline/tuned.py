"""What tuning found, written into models.conf, and taken back. Prints nothing.

For `--undo` the section's text before and after is kept in the state folder: what else was edited since stays.
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from paddock.atomic_write import atomic_write
from paddock.cli.offline.addition import replace_text, reread
from paddock.config.ini import read_text
from paddock.config.profile import Problem
from paddock.config.section_edit import changed_part, with_part
from paddock.config.tuned_section import retuned
from paddock.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from paddock.api.bench import Spread
    from paddock.api.tunings import Tuning
    from paddock.cli.offline.files import Files


class _Step(msgspec.Struct):
    """One time that a section was changed."""

    before: str
    after: str
    tuning: int = 0


def applied(files: Files, tuning: Tuning) -> list[str]:
    """Write its changes, and note in `tuning` that they are; lines that say what was written.

    ConfigError where the file has errors, would have some, or has changed in the meantime.
    """
    text = _text(files)
    profile = reread(text, files, "it").profiles.get(tuning.profile)
    if profile is None:
        raise ConfigError(f"models.conf has no [{tuning.profile}] any more")
    after = retuned(text, profile, tuning.changes, _comment(tuning))
    reread(after, files, f"[{tuning.profile}] with what was found")
    step = _Step(*changed_part(text, after, tuning.profile), tuning.id)
    _keep(files, tuning.profile, [*_steps(files, tuning.profile), step])
    replace_text(files.paths.config, text, after)
    tuning.applied_at = datetime.now(UTC).isoformat(timespec="seconds")
    lines = [f"{flag} = {value or ''}".rstrip() for flag, value in tuning.changes.items()]
    return [f"written to {files.paths.config}, [{tuning.profile}]:", *(f"  {x}" for x in lines)]


def taken_back(files: Files, profile: str) -> int:
    """Put the section back as it was, byte for byte; the number of the study. ConfigError where it was edited since."""
    steps = _steps(files, profile)
    if not steps:
        raise ConfigError(f"nothing that tuning wrote into [{profile}] is to be taken back")
    text, last = _text(files), steps[-1]
    before = with_part(text, profile, last.after, last.before)
    if before is None:
        raise ConfigError(
            f"[{profile}] was edited since: it is left as it is",
            hint="the lines of before stand in it as comments",
        )
    reread(before, files, f"[{profile}] as it was")
    replace_text(files.paths.config, text, before)
    _keep(files, profile, steps[:-1])
    return last.tuning


def _comment(tuning: Tuning) -> list[str]:
    today, best = tuning.today, tuning.best
    figures = ""
    if today and best and tuning.gain is not None:
        figures = f": {_spread(today)} -> {_spread(best)} {tuning.unit} ({tuning.gain:+.1%})"
    date, build = (
        f"{datetime.now(UTC):%Y-%m-%d}",
        f"{tuning.engine} {tuning.engine_version}".strip(),
    )
    return [
        f"paddock tune, {date}, {build}, for {tuning.goal}{figures}",
        f"{tuning.command}; `paddock tune {tuning.profile} --undo` takes it back",
    ]


def _spread(spread: Spread) -> str:
    if spread.median >= 1000:
        return f"{spread.median:,.0f}"
    return f"{spread.median:.1f} ({spread.low:.1f} to {spread.high:.1f})"


def _text(files: Files) -> str:
    files.must_exist()
    text = read_text(files.paths.config)
    if isinstance(text, Problem):
        raise ConfigError(str(text))
    return text


def _file(files: Files, profile: str) -> Path:
    name = sha256(f"{files.paths.config.absolute()}\0{profile}".encode()).hexdigest()[:16]
    return files.paths.state_dir / f"tuned-{name}.json"


def _steps(files: Files, profile: str) -> list[_Step]:
    try:
        return msgspec.json.decode(_file(files, profile).read_bytes(), type=list[_Step])
    except FileNotFoundError:
        return []
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigError(f"{_file(files, profile)} cannot be read: {error}") from error


def _keep(files: Files, profile: str, steps: list[_Step]) -> None:
    try:
        atomic_write(_file(files, profile), msgspec.json.encode(steps))
    except OSError as error:
        raise ConfigError(f"{_file(files, profile)} cannot be written: {error.strerror}") from error
