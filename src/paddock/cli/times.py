"""Times as people type them: how long, and since when."""

import re
from datetime import UTC, datetime, timedelta

from paddock.errors import BadRequest

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d|)")


def lasted(text: str, option: str) -> float:
    """Seconds of `2h`, `90s`, `1h30m`. BadRequest, which names the option, for anything else."""
    seconds = _seconds(text)
    if seconds is None:
        raise BadRequest(f"{option} takes a time such as 90s, 30min or 2h, not {text!r}")
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
            f"{option} takes a time such as 90min, 7d or 2026-11-30, not {text!r}"
        ) from None
    return at.astimezone(UTC).isoformat(timespec="seconds")


def _seconds(text: str) -> float | None:
    parts = _TIME.findall(text)
    if not parts or "".join(n + unit for n, unit in parts) != text.replace(" ", ""):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
