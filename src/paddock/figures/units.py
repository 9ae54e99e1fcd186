"""Numbers and times as people read them, for the command line and the dashboard. Pure."""

from __future__ import annotations

from datetime import datetime

_MINUTE, _HOUR, _DAY = 60, 3600, 86400  # seconds
_MEGABYTES_PER_MIB = 1.048576


def mib(value: float | None) -> str:
    """`2.9 GiB`, below one GiB `512 MiB`."""
    if value is None:
        return ""
    return f"{value / 1024:.1f} GiB" if value >= 1024 else f"{value:.0f} MiB"


def seconds(value: float | None) -> str:
    """`12.4 s`, `3 min 05 s`, `2 h 10 min`."""
    if value is None:
        return ""
    if value < _MINUTE:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), _MINUTE)
    return (
        f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
    )


def speed(value: float | None) -> str:
    """`54.2 t/s`, from one hundred on `105 t/s`."""
    return "" if value is None else f"{value:.1f} t/s" if value < 100 else f"{value:.0f} t/s"


def percent(fraction: float | None) -> str:
    """`43 %` of a fraction from 0 to 1; only what is complete is called 100 %."""
    if fraction is None:
        return ""
    share = min(max(fraction, 0.0), 1.0)
    return f"{100 if share == 1.0 else min(round(share * 100), 99)} %"


def tokens(value: int | None) -> str:
    """The size of a context: `128k` where it is that many times 1024, else the number."""
    if value is None:
        return ""
    return f"{value // 1024}k" if value >= 1024 and value % 1024 == 0 else str(value)


def amount(value: int) -> str:
    """A count that may grow large: `812`, `12.3 k`, `4.0 M`."""
    if value < 10_000:
        return str(value)
    return f"{value / 1e3:.1f} k" if value < 999_950 else f"{value / 1e6:.1f} M"


def rate(mib_per_second: float | None) -> str:
    """What a disk delivers, in the units that disks are sold by: `850 MB/s`, `1.9 GB/s`, of a slow line `4.2 MB/s`."""
    if mib_per_second is None:
        return ""
    megabytes = mib_per_second * _MEGABYTES_PER_MIB
    if megabytes < 9.95:
        return f"{megabytes:.1f} MB/s"
    return f"{megabytes:.0f} MB/s" if megabytes < 1000 else f"{megabytes / 1000:.1f} GB/s"


def age(value: float) -> str:
    """How long something lasts, in its largest unit: `12 s`, `3 min`, `2 h`, `5 d`."""
    passed = max(value, 0.0)
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if passed >= unit:
            return f"{int(passed // unit)} {name}"
    return f"{int(passed)} s"


def ago(value: float) -> str:
    """When something was: `just now`, `3 min ago`."""
    return "just now" if value < 10 else f"{age(value)} ago"


def count(number: int, thing: str) -> str:
    """`1 request`, `2 requests`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def count_or_no(number: int, thing: str) -> str:
    """`no errors`, `1 error`, `2 errors`."""
    return count(number, thing) if number else f"no {thing}s"


def plural(number: int, one: str, many: str) -> str:
    """The form that goes with the number: `lies` for 1, `lie` for any other."""
    return one if number == 1 else many


def spared(tokens_reused: int, duration: float, times: int) -> str:
    """What kept contexts have saved: `12,009 tokens not read again (11.1 s) in 2 turns`."""
    turns = count(times, "turn")
    return f"{tokens_reused:,} tokens not read again ({seconds(duration)}) in {turns}"


def unix(time: str) -> float | None:
    """The Unix time of an ISO 8601 time, None where it is none."""
    try:
        return datetime.fromisoformat(time).timestamp()
    except (ValueError, OverflowError):
        return None
