"""Times as people type them: how long, and since when."""

import re
from datetime import UTC, datetime, timedelta

from paddock.errors import BadRequest

_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
# `1h30` is half past one to some, and thirty seconds to others.
_ENDS_BARE = re.compile(r".*h\s*\d+")
_TIME = re.compile(
    "".join(rf"(?:(?P<{u[0]}>\d+(?:\.\d+)?)\s*{u}\s*)?" for u in ("d", "h", "m(?:in)?", "s"))
)


def lasted(text: str, option: str) -> float:
    """Seconds of `2h`, `90s`, `1h30m`. BadRequest, which names the option, for anything else."""
    seconds = _seconds(text)
    if seconds is None:
        raise BadRequest(
            f"{option} takes a time such as 90s, 30min or 1h30m, not {text!r}", hint=_meant(text)
        )
    if not seconds:
        raise BadRequest(f"{option} takes a time of more than 0 seconds")
    return seconds


def since(text: str, option: str) -> str:
    """The time, ISO 8601, that `7d` or `90min` before now was, or that `2026-11-30 08:00` here is.

    BadRequest, which names the option, for anything else.
    """
    try:
        ago = timedelta(seconds=seconds) if (seconds := _seconds(text)) else None
        at = datetime.now(UTC) - ago if ago else datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise BadRequest(
            f"{option} takes a time such as 90min, 7d or 2026-11-30, not {text!r}",
            hint=_meant(text),
        ) from None
    return at.astimezone(UTC).isoformat(timespec="seconds")


def _seconds(text: str) -> float | None:
    words = text.strip()
    found = _TIME.fullmatch(f"{words}s" if _NUMBER.fullmatch(words) else words)
    if found is None or not words:
        return None
    parts = found.groupdict(default="0")
    return sum(float(number) * _UNITS[unit] for unit, number in parts.items())


def _meant(text: str) -> str:
    """What to write in place of `1h30`."""
    words = text.strip()
    return f"write {words}min, or {words}s" if _ENDS_BARE.fullmatch(words) else ""
