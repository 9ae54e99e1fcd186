"""The file that holds the history: its tables, its versions, and what happens to a file that is none.

What cannot be used is moved aside, never overwritten.
"""

import logging
import os
import sqlite3
from contextlib import closing
from itertools import chain, count
from pathlib import Path
from statistics import median
from typing import Any

_log = logging.getLogger(__name__)

_VERSION = 2
# Came later, and need no version of their own: an older Paddock goes on with the file as if they were not there.
_SWITCHES = """
CREATE TABLE IF NOT EXISTS switches (
    id INTEGER PRIMARY KEY,
    profile TEXT NOT NULL,
    ended_at TEXT NOT NULL,
    entry TEXT NOT NULL  -- JSON: a SwitchEntry
);
CREATE INDEX IF NOT EXISTS switches_by_time ON switches (ended_at);
"""
_USAGE = """
CREATE TABLE IF NOT EXISTS usage (  -- the columns are the fields of UsageRow
    id INTEGER PRIMARY KEY,
    day TEXT NOT NULL,
    key TEXT NOT NULL,
    model TEXT NOT NULL,
    requests INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    answer_tokens INTEGER NOT NULL,
    seconds REAL NOT NULL,
    uncounted INTEGER NOT NULL,
    UNIQUE (day, key, model)
);
"""
_BENCHES = """
CREATE TABLE IF NOT EXISTS benches (
    id INTEGER PRIMARY KEY,
    begun_at TEXT NOT NULL,
    entry TEXT NOT NULL  -- JSON: a BenchRun
);
"""
_TUNINGS = """
CREATE TABLE IF NOT EXISTS tunings (
    id INTEGER PRIMARY KEY,
    profile TEXT NOT NULL,
    entry TEXT NOT NULL  -- JSON: a Tuning
);
CREATE INDEX IF NOT EXISTS tunings_of_profile ON tunings (profile);
"""
_SCHEMA = """
CREATE TABLE loads (  -- the columns are the fields of LoadEntry
    id INTEGER PRIMARY KEY,
    instance TEXT NOT NULL,
    profile TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    engine TEXT NOT NULL,
    engine_version TEXT NOT NULL,
    devices TEXT NOT NULL,
    ended_at TEXT NOT NULL,
    seconds REAL NOT NULL,
    outcome TEXT NOT NULL,
    cause TEXT NOT NULL,
    placement TEXT,  -- JSON
    verdict TEXT  -- JSON
);
CREATE INDEX loads_by_profile ON loads (profile, id);
CREATE TABLE speeds (  -- tokens/s
    id INTEGER PRIMARY KEY,
    load INTEGER NOT NULL REFERENCES loads ON DELETE CASCADE,
    at TEXT NOT NULL,
    prompt REAL,
    generation REAL,
    prompt_tokens INTEGER NOT NULL,
    generated_tokens INTEGER NOT NULL,
    source TEXT NOT NULL
);
CREATE INDEX speeds_by_load ON speeds (load, id);
"""
_FROM_VERSION = {
    0: _SCHEMA,  # an empty file
    # Version 1 kept the engine's version as `engine`, and nothing of the rest.
    1: f"""
        DROP INDEX loads_by_profile;
        ALTER TABLE loads RENAME TO loads_1;
        {_SCHEMA}
        INSERT INTO loads
            SELECT id, '', profile, fingerprint, '', engine, '', ended_at, seconds, outcome, '',
                NULL, NULL
            FROM loads_1;
        DROP TABLE loads_1;
    """,
}


class _Median:
    """SQLite's own library has none. NULL where there are no values."""

    def __init__(self) -> None:
        self._values: list[float] = []

    def step(self, value: Any) -> None:  # a number or None; typeshed knows of integers alone
        if value is not None:
            self._values.append(value)

    def finalize(self) -> Any:
        return median(self._values) if self._values else None


class Database(sqlite3.Connection):
    """A connection as the history wants it.

    With a write-ahead log, since a speed may be written every second: nothing waits for the disk
    then (measured per speed: 0.1 ms instead of 1.2 ms on a disk that syncs in 0.3 ms). After a
    power cut the last writes may be missing; the file is whole.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.row_factory = sqlite3.Row
        self.create_aggregate("median", 1, _Median)
        self.execute("PRAGMA foreign_keys = ON")  # for ON DELETE CASCADE
        self.execute("PRAGMA synchronous = NORMAL")


class _NoHistory(Exception):
    """The file is not for us: `what` it is, and how that was seen."""

    def __init__(self, what: str, how: str) -> None:
        self.what, self.how = what, how


# Not a database, a damaged one, or one whose tables are not those of its version. Anything else
# (a full disk, a file that somebody holds) is no reason to begin anew.
_UNUSABLE = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR}
_COMPANIONS = ("", "-wal", "-shm", "-journal")  # a log left behind would be read into the next file


def prepare(path: Path) -> None:
    """Have a private, sound database of today's version there."""
    try:
        _bring_up_to_date(path)
    except _NoHistory as found:
        kept = _move_aside(path, found.what)
        _log.warning(
            "%s is %s (%s); it is kept as %s, and the history begins anew",
            path,
            found.what,
            found.how,
            kept.name,
        )
        _bring_up_to_date(path)


def _bring_up_to_date(path: Path) -> None:
    with path.open("ab") as file:
        os.fchmod(file.fileno(), 0o600)  # SQLite gives the files beside it the same mode
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        try:
            _migrate(database)
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF not in _UNUSABLE:
                raise
            raise _NoHistory("unreadable", str(error)) from error


def _migrate(database: sqlite3.Connection) -> None:
    """All or nothing; what a later version wrote is not touched."""
    [version] = database.execute("PRAGMA user_version").fetchone()
    if version not in (*_FROM_VERSION, _VERSION):
        raise _NoHistory(f"of version {version}", f"this Paddock knows {_VERSION}")
    [[found]] = database.execute("PRAGMA quick_check(1)")  # 0.4 s for a history as large as may be
    if found != "ok":
        raise _NoHistory("damaged", found)
    if version != _VERSION:
        step = _FROM_VERSION[version]
        database.executescript(f"BEGIN; {step} PRAGMA user_version = {_VERSION}; COMMIT;")
    database.executescript(_SWITCHES + _USAGE + _BENCHES + _TUNINGS)
    database.execute("PRAGMA journal_mode = WAL")


def _move_aside(path: Path, what: str) -> Path:
    """Give it a name that says what it is, and that nothing has yet."""
    named = path.with_stem(f"{path.stem}-{what.replace(' ', '-')}")
    others = (named.with_stem(f"{named.stem}-{n}") for n in count(2))
    kept = next(free for free in chain([named], others) if not free.exists())
    for companion in _COMPANIONS:
        if (old := path.with_name(path.name + companion)).exists():
            old.rename(kept.with_name(kept.name + companion))
    return kept
