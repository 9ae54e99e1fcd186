"""What happened before: loads and speeds, in SQLite, for estimates of what a load will take."""

from pathlib import Path

import aiosqlite

_KEPT = 10_000  # loads
_SCHEMA = """
CREATE TABLE IF NOT EXISTS loads (
    id INTEGER PRIMARY KEY,
    profile TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    engine TEXT NOT NULL,
    ended_at TEXT NOT NULL,
    seconds REAL NOT NULL,
    outcome TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS loads_by_profile ON loads (profile, id);
PRAGMA user_version = 1;
"""


class History:
    """One database file; 0600, as profile names may tell more than others should know."""

    def __init__(self, database: aiosqlite.Connection) -> None:
        self._database = database

    @classmethod
    async def open(cls, path: Path) -> "History":
        database = await aiosqlite.connect(path)
        path.chmod(0o600)  # noqa: ASYNC240  # one system call, once
        await database.executescript(_SCHEMA)
        await database.commit()
        return cls(database)

    async def add_load(
        self,
        profile: str,
        fingerprint: str,
        engine: str,
        *,
        ended_at: str,
        seconds: float,
        outcome: str,
    ) -> None:
        """Remember how one load went; `seconds` from the start of its process."""
        await self._database.execute(
            "INSERT INTO loads (profile, fingerprint, engine, ended_at, seconds, outcome) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (profile, fingerprint, engine, ended_at, seconds, outcome),
        )
        await self._database.execute(
            "DELETE FROM loads WHERE id <= (SELECT max(id) FROM loads) - ?", (_KEPT,)
        )
        await self._database.commit()

    async def last_loads(self) -> dict[str, float]:
        """Seconds of the last successful load, by profile."""
        query = (
            "SELECT profile, seconds FROM loads WHERE id IN "
            "(SELECT max(id) FROM loads WHERE outcome = 'ready' GROUP BY profile)"
        )
        return {row[0]: row[1] for row in await self._database.execute_fetchall(query)}

    async def close(self) -> None:
        await self._database.close()
