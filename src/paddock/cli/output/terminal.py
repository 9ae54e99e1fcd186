"""What the verbs print with: JSON for programs, aligned tables and a little colour for people."""

from __future__ import annotations

import codecs
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from paddock.api.placement import Verdict

# Where a table would be empty.
NO_PROFILES = "models.conf has no profile: `paddock init FOLDER`, `paddock add FILE` or `paddock pull` makes one"
_SGR = {"green": 32, "yellow": 33, "red": 31, "cyan": 36, "dim": 2, "bold": 1}
_STATE_COLOURS = {
    "ready": "green",
    "busy": "cyan",
    "failed": "red",
    "unloaded": "dim",
}
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
# What a terminal obeys, but for the end of a line, a tab and colours.
_ORDER = re.compile(r"\x1b(?!\[[0-9;]*m)|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]")


def has_colour(stream: IO[str] | None = None) -> bool:
    """Colour is for terminals, and for nobody who said NO_COLOR (no-color.org)."""
    shown = stream or sys.stdout
    return shown.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, colour: str, stream: IO[str] | None = None) -> str:
    return f"\x1b[{_SGR[colour]}m{text}\x1b[0m" if text and has_colour(stream) else text


def state(text: str) -> str:
    """A state's first word in its colour: whatever is neither settled nor broken is under way."""
    return paint(text, _STATE_COLOURS.get(text.split()[0], "yellow"))


_VERDICT_COLOURS = {"verified": "green", "degraded": "yellow", "unknown": "dim"}


def verdict(found: Verdict | None) -> str:
    """Whether a load lies and runs as it should, in one coloured word."""
    return paint(found.state, _VERDICT_COLOURS[found.state]) if found else ""


def harmless(text: str) -> str:
    """The text with what a terminal would obey made visible: a model, a file or a client wrote it."""
    return _ORDER.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def for_terminal(pieces: Iterable[bytes]) -> Iterator[str]:
    """The same of bytes as they come."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    for piece in pieces:
        yield harmless(decoder.decode(piece))
    yield harmless(decoder.decode(b"", final=True))


def print_json(value: object) -> None:
    """One value, indented, exactly as it would cross the wire."""
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as they must be; a column that is empty in every row is left out."""
    kept = [i for i in range(len(headers)) if any(_visible(row[i]) for row in rows)]
    lines = [[paint(headers[i], "bold") for i in kept], *([row[i] for i in kept] for row in rows)]
    widths = [max(map(_visible, column)) for column in zip_longest(*lines, fillvalue="")]
    for line in lines:
        print(harmless("  ".join(map(_padded, line, widths)).rstrip()))


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _visible(text))


def _visible(text: str) -> int:
    return len(_ESCAPE.sub("", text))


def complain(text: str) -> None:
    """A line for people, on stderr: stdout belongs to results."""
    print(harmless(text), file=sys.stderr, flush=True)


def clock(time: str) -> str:
    """The local time of day of an ISO 8601 time."""
    try:
        return datetime.fromisoformat(time).astimezone().strftime("%H:%M:%S")
    except ValueError:
        return time


def date_and_time(time: str) -> str:
    """The local date and time of day of an ISO 8601 time."""
    try:
        return datetime.fromisoformat(time).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return time
