"""What happened before: loads, where they lay and how fast they ran, in SQLite.

One connection and one statement at a time, so that writes happen in the order in which they were
asked for. Bounded: see `_LOADS` and `_SPEEDS`.
"""

import asyncio
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import aiosqlite
import msgspec

from paddock import excerpt
from paddock.api.bench import BenchRun
from paddock.api.placement import LoadEntry, Placement, Speed, Verdict
from paddock.api.switches import SwitchEntry
from paddock.api.tunings import Tuning
from paddock.api.usage import UsageRow
from paddock.daemon.history.schema import Database, prepare
from paddock.errors import StateUnwritable
from paddock.placement.load_modes import COLD, WARM

_T = TypeVar("_T")

_LOADS = 10_000  # kept: the newest
_SPEEDS = 200  # kept of each load: the newest
_SWITCHES = 10_000  # kept: the newest
_BENCHES = 1000  # kept: the newest
_TUNINGS = 1000
_USAGE = 50_000  # rows kept: the newest; 20 keys with 7 models each fill them in a year

_ADD_LOAD = """
INSERT INTO loads (instance, profile, fingerprint, engine, engine_version, devices,
    ended_at, seconds, outcome, cause, placement, verdict)
VALUES (:instance, :profile, :fingerprint, :engine, :engine_version, :devices,
    :ended_at, :seconds, :outcome, :cause, :placement, :verdict)
"""
# Nothing for a load that is forgotten already.
_ADD_SPEED = """
INSERT INTO speeds (load, at, prompt, generation, prompt_tokens, generated_tokens, source)
SELECT id, :at, :prompt, :generation, :prompt_tokens, :generated_tokens, :source
FROM loads WHERE id = :load
"""
# All rows or none: a statement of its own for each could be cut off between two.
_ADD_USAGE = """
INSERT INTO usage (day, key, model, requests, prompt_tokens, answer_tokens, seconds, uncounted)
SELECT json_extract(value, '$.day'), json_extract(value, '$.key'), json_extract(value, '$.model'),
    json_extract(value, '$.requests'), json_extract(value, '$.prompt_tokens'),
    json_extract(value, '$.answer_tokens'), json_extract(value, '$.seconds'),
    json_extract(value, '$.uncounted')
FROM json_each(?) WHERE true
ON CONFLICT (day, key, model) DO UPDATE SET
    requests = requests + excluded.requests,
    prompt_tokens = prompt_tokens + excluded.prompt_tokens,
    answer_tokens = answer_tokens + excluded.answer_tokens,
    seconds = seconds + excluded.seconds,
    uncounted = uncounted + excluded.uncounted
"""
_FORGET_SPEEDS = """
DELETE FROM speeds WHERE load = :load AND id <=
    (SELECT id FROM speeds WHERE load = :load ORDER BY id DESC LIMIT 1 OFFSET :kept)
"""


class HistoryStore:
    """One database file; 0600, as profile names may be private."""

    def __init__(self, database: aiosqlite.Connection, *, loads: int, speeds: int) -> None:
        self._database = database
        self._loads_kept, self._speeds_kept = loads, speeds

    @classmethod
    async def open(
        cls, path: Path, *, loads: int = _LOADS, speeds: int = _SPEEDS
    ) -> "HistoryStore":
        """The history of this file, in today's form; `loads` and `speeds` (of each) are kept."""
        await asyncio.to_thread(prepare, path)
        database = await aiosqlite.connect(path, factory=Database, isolation_level=None)
        return cls(database, loads=loads, speeds=speeds)

    # ---- writing ----

    async def add_load(self, entry: LoadEntry) -> int:
        """Remember how one load went; its number, 0 where it is not kept.

        The entry's own `id`, and the medians that `add_speed` will make, are not looked at.
        """
        row = await self._database.execute_insert(_ADD_LOAD, _columns(entry))
        assert row is not None
        number = int(row[0])
        await self._write("DELETE FROM loads WHERE id <= ?", (number - self._loads_kept,))
        return number

    async def set_placement(self, load_id: int, placement: Placement) -> None:
        """Note where a load's bytes lie, which may be known only after it was ready."""
        await self._write(
            "UPDATE loads SET placement = ? WHERE id = ?", (_json(placement), load_id)
        )

    async def set_verdict(self, load_id: int, verdict: Verdict) -> None:
        """Note what was found of a load, in place of what was found before."""
        await self._write("UPDATE loads SET verdict = ? WHERE id = ?", (_json(verdict), load_id))

    async def add_speed(
        self,
        load_id: int,
        *,
        at: str,
        prompt: float | None,
        generation: float | None,
        prompt_tokens: int,
        generated_tokens: int,
        source: Literal["traffic", "probe"],
    ) -> None:
        """Remember how fast one request of a load was, tokens/s; None where it was too short to measure."""
        values = {
            "load": load_id,
            "at": at,
            "prompt": prompt,
            "generation": generation,
            "prompt_tokens": prompt_tokens,
            "generated_tokens": generated_tokens,
            "source": source,
        }
        await self._write(_ADD_SPEED, values)
        await self._write(_FORGET_SPEEDS, {"load": load_id, "kept": self._speeds_kept})

    async def add_switch(self, entry: SwitchEntry) -> int:
        """Remember how one switch went; its number, 0 where it is not kept."""
        row = await self._database.execute_insert(
            "INSERT INTO switches (profile, ended_at, entry) VALUES (?, ?, ?)",
            (entry.profile, entry.ended_at, _json(entry)),
        )
        assert row is not None
        number = int(row[0])
        await self._write("DELETE FROM switches WHERE id <= ?", (number - _SWITCHES,))
        return number

    async def set_switch(self, entry: SwitchEntry) -> None:
        """Note what is known of it now, in place of what was known before."""
        await self._write("UPDATE switches SET entry = ? WHERE id = ?", (_json(entry), entry.id))

    async def keep_bench(self, run: BenchRun) -> int:
        """Remember a benchmark; with a number that is kept already, in its place. Its number, 0 where it is not kept."""
        number = await self._keep(
            "INSERT INTO benches (id, begun_at, entry) VALUES (nullif(:id, 0), :begun_at, :entry)"
            " ON CONFLICT (id) DO UPDATE SET begun_at = excluded.begun_at, entry = excluded.entry"
            " RETURNING id",
            {"id": run.id, "begun_at": run.begun_at, "entry": _json(run)},
        )
        await self._write("DELETE FROM benches WHERE id <= ?", (number - _BENCHES,))
        return number

    async def keep_tuning(self, tuning: Tuning) -> int:
        """As `keep_bench`, a study."""
        number = await self._keep(
            "INSERT INTO tunings (id, profile, entry) VALUES (nullif(:id, 0), :profile, :entry)"
            " ON CONFLICT (id) DO UPDATE SET entry = excluded.entry RETURNING id",
            {"id": tuning.id, "profile": tuning.profile, "entry": _json(tuning)},
        )
        await self._write("DELETE FROM tunings WHERE id <= ?", (number - _TUNINGS,))
        return number

    async def _keep(self, sql: str, values: Mapping[str, object]) -> int:
        """The number under which it is kept; StateUnwritable where it cannot be."""
        try:
            [kept] = await self._database.execute_fetchall(sql, values)
        except sqlite3.DatabaseError as error:
            raise StateUnwritable(
                f"the history cannot keep it: {error}",
                hint="is there space where the state folder lies?",
            ) from error
        return int(kept["id"])

    async def add_usage(self, rows: Iterable[UsageRow], *, kept: int = _USAGE) -> None:
        """Add what was used to what is known of the same day, key and model."""
        if found := list(rows):
            await self._write(_ADD_USAGE, (msgspec.json.encode(found).decode(),))
        forget = "DELETE FROM usage WHERE id <= (SELECT max(id) FROM usage) - ?"
        await self._write(forget, (kept,))

    # ---- reading: entries come with the medians of their speeds, the newest first ----

    async def loads(self, profile: str, *, limit: int = 50) -> list[LoadEntry]:
        """The last loads of a profile, whatever became of them."""
        return await self._find("profile = :profile", limit, profile=profile)

    async def comparable(
        self,
        profile: str,
        fingerprint: str,
        engine_version: str,
        devices: str,
        *,
        before: int | None = None,
        limit: int = 20,
    ) -> list[LoadEntry]:
        """The loads (earlier than the load `before`) that should be as fast as one another."""
        return await self._find(
            "profile = :profile AND fingerprint = :fingerprint AND outcome = 'ready'"
            " AND engine_version = :engine_version AND devices = :devices"
            " AND id < ifnull(:before, id + 1)",
            limit,
            profile=profile,
            fingerprint=fingerprint,
            engine_version=engine_version,
            devices=devices,
            before=before,
        )

    async def last_ready(self, profile: str, *, before: int | None = None) -> LoadEntry | None:
        """The last load (earlier than the load `before`) that succeeded, under whatever conditions."""
        which = "profile = :profile AND outcome = 'ready' AND id < ifnull(:before, id + 1)"
        found = await self._find(which, 1, profile=profile, before=before)
        return found[0] if found else None

    async def loads_by_mode(self, profile: str, *, limit: int = 20) -> list[LoadEntry]:
        """The last successful loads of each load mode, warm, cold and in between, so many of each."""
        which = """
            id IN (SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY
                json_extract(placement, '$.load_mode'),
                json_extract(placement, '$.weights.cached') >= :warm,
                json_extract(placement, '$.weights.cached') <= :cold
                ORDER BY id DESC) AS place
            FROM loads WHERE profile = :profile AND outcome = 'ready' AND json_valid(placement))
            WHERE place <= :each)
        """
        return await self._find(which, -1, profile=profile, each=limit, warm=WARM, cold=COLD)

    async def last_loads(self) -> dict[str, float]:
        """Seconds of the last successful load, by profile."""
        query = (
            "SELECT profile, seconds FROM loads WHERE id IN "
            "(SELECT max(id) FROM loads WHERE outcome = 'ready' GROUP BY profile)"
        )
        return {row[0]: row[1] for row in await self._database.execute_fetchall(query)}

    async def last_weights(self, *, limit: int = 500) -> list[LoadEntry]:
        """The last loads that succeeded, of all profiles, with their placements."""
        return await self._find("outcome = 'ready' AND placement IS NOT NULL", limit)

    async def last_found(self) -> dict[str, tuple[Verdict | None, Speed]]:
        """What was found of the last successful load, and its median speeds, by profile."""
        query = """
            SELECT profile, verdict, median(speeds.prompt), median(speeds.generation)
            FROM loads LEFT JOIN speeds ON speeds.load = loads.id
            WHERE loads.id IN (SELECT max(id) FROM loads WHERE outcome = 'ready' GROUP BY profile)
            GROUP BY loads.id
        """
        rows = await self._database.execute_fetchall(query)
        return {
            profile: (_decoded(found, Verdict), Speed(prompt=prompt, generation=generation))
            for profile, found, prompt, generation in rows
        }

    async def switches(
        self, profile: str | None = None, *, since: str = "", limit: int = 50
    ) -> list[SwitchEntry]:
        """The last switches, of one profile or of all; those that ended at `since` (ISO 8601) or later."""
        query = (
            "SELECT id, entry FROM switches WHERE ifnull(:profile, profile) = profile"
            " AND ended_at >= :since ORDER BY id DESC LIMIT :limit"
        )
        values = {"profile": profile, "since": since, "limit": limit}
        rows = await self._database.execute_fetchall(query, values)
        found = ((row["id"], _decoded(row["entry"], SwitchEntry)) for row in rows)
        return [msgspec.structs.replace(entry, id=number) for number, entry in found if entry]

    async def benches(self, *, limit: int = 50) -> list[BenchRun]:
        """The last benchmarks."""
        query = "SELECT id, entry FROM benches ORDER BY id DESC LIMIT ?"
        return _runs(await self._database.execute_fetchall(query, (limit,)))

    async def bench(self, number: int) -> BenchRun | None:
        """The benchmark of this number."""
        query = "SELECT id, entry FROM benches WHERE id = ?"
        found = _runs(await self._database.execute_fetchall(query, (number,)))
        return found[0] if found else None

    async def tunings(self, profile: str | None = None, *, limit: int = 50) -> list[Tuning]:
        """The last studies, of one profile or of all."""
        query = (
            "SELECT id, entry FROM tunings WHERE ifnull(:profile, profile) = profile"
            " ORDER BY id DESC LIMIT :limit"
        )
        values = {"profile": profile, "limit": limit}
        return _studies(await self._database.execute_fetchall(query, values))

    async def tuning(self, number: int) -> Tuning | None:
        """The study of this number."""
        query = "SELECT id, entry FROM tunings WHERE id = ?"
        found = _studies(await self._database.execute_fetchall(query, (number,)))
        return found[0] if found else None

    async def usage(self, since: str, until: str = "9") -> list[UsageRow]:
        """What was used from day `since` to day `until`, the newest day first."""
        query = (
            "SELECT day, key, model, requests, prompt_tokens, answer_tokens, seconds, uncounted"
            " FROM usage WHERE day >= ? AND day <= ? ORDER BY day DESC, key, model"
        )
        rows = await self._database.execute_fetchall(query, (since, until))
        return [UsageRow(**dict(row)) for row in rows]

    async def close(self) -> None:
        await self._database.close()

    async def _write(self, statement: str, values: Iterable[Any]) -> None:
        async with self._database.execute(statement, values):
            pass

    async def _find(self, which: str, limit: int, **values: object) -> list[LoadEntry]:
        query = f"""
            SELECT found.*, count(speeds.id) AS samples,
                median(speeds.generation) AS generation, median(speeds.prompt) AS prompt
            FROM (SELECT * FROM loads WHERE {which} ORDER BY id DESC LIMIT :limit) AS found
            LEFT JOIN speeds ON speeds.load = found.id
            GROUP BY found.id ORDER BY found.id DESC
        """
        rows = await self._database.execute_fetchall(query, {**values, "limit": limit})
        return [_entry(row) for row in rows]


def _columns(entry: LoadEntry) -> dict[str, Any]:
    placement, verdict = _json(entry.placement), _json(entry.verdict)
    return msgspec.structs.asdict(entry) | {"placement": placement, "verdict": verdict}


def _entry(row: sqlite3.Row) -> LoadEntry:
    columns = dict(row)
    columns["cause"] = excerpt.line(columns["cause"], excerpt.MESSAGE)  # of an older Paddock
    placement = _decoded(columns.pop("placement"), Placement)
    verdict = _decoded(columns.pop("verdict"), Verdict)
    return LoadEntry(**columns, placement=placement, verdict=verdict)


def _runs(rows: Iterable[sqlite3.Row]) -> list[BenchRun]:
    found = ((row["id"], _decoded(row["entry"], BenchRun)) for row in rows)
    return [msgspec.structs.replace(run, id=number) for number, run in found if run]


def _studies(rows: Iterable[sqlite3.Row]) -> list[Tuning]:
    found = ((row["id"], _decoded(row["entry"], Tuning)) for row in rows)
    return [msgspec.structs.replace(study, id=number) for number, study in found if study]


def _json(value: Placement | Verdict | SwitchEntry | BenchRun | Tuning | None) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def _decoded(text: str | None, kind: type[_T]) -> _T | None:
    """None as well for what another version of Paddock meant differently."""
    try:
        return msgspec.json.decode(text, type=kind) if text else None
    except msgspec.MsgspecError:
        return None
