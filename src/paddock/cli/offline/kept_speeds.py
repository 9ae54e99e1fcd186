"""What was measured on this machine, where no daemon runs that could say it: read from the file of its history. Prints nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# As `daemon/history/schema.py` lays it out, the newest load first.
_MEASURED = """
SELECT loads.profile, loads.id, speeds.generation FROM loads JOIN speeds ON speeds.load = loads.id
WHERE speeds.generation > 0 ORDER BY loads.id DESC LIMIT 20000
"""


def kept_speeds(state_dir: Path) -> dict[str, float]:
    """Generated tokens/s of each profile, by its newest load that was measured. Empty where there is no such file, or it cannot be read."""
    file = state_dir / "history.sqlite"
    newest: dict[str, int] = {}
    speeds: dict[str, list[float]] = {}
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as opened:
            for profile, load, speed in opened.execute(_MEASURED):
                if newest.setdefault(profile, load) == load:
                    speeds.setdefault(profile, []).append(speed)
    except (sqlite3.Error, OSError):
        return {}
    return {profile: median(found) for profile, found in speeds.items()}
