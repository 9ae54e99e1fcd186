"""Runs that a daemon keeps, listed and compared over its API."""

from pathlib import Path

import aiosqlite
import msgspec

from paddock.api.bench import BenchComparison, BenchRuns
from paddock.api.tunings import Tuning
from tests.bench.runs import profile, run
from tests.yard import places, yard


async def test_two_kept_runs_are_listed_and_compared(tmp_path: Path) -> None:
    before, after = run(0, profile("glm", 50.0)), run(0, profile("glm", 60.0), profile("qwen"))
    async with yard(places(tmp_path / "yard", "")) as home:
        numbers = [
            (await home.post("/bench", msgspec.to_builtins(one)))[1]["id"]
            for one in (before, after)
        ]
        listed = msgspec.convert(await home.get("/bench"), BenchRuns).runs
        assert [one.id for one in listed] == numbers[::-1]
        path = f"/bench/{numbers[1]}/against/{numbers[0]}"
        found = msgspec.convert(await home.get(path), BenchComparison)
        assert (found.before, found.after, found.missing) == (*numbers, ["qwen"])
        judged = {one.figure: one.judgement for one in found.profiles[0].figures}
        assert judged["generation at 512 tokens"] == "better"
        assert judged["load, cached"] == "unproven"
        async with home.http.get(home.url + f"/bench/{numbers[1]}/against/99") as reply:
            assert reply.status == 404


async def test_where_the_history_cannot_be_written_it_is_said_as_the_state_folders_fault(
    tmp_path: Path,
) -> None:
    study = Tuning(profile="glm", goal="chat", begun_at="2026-11-30T10:00:00+00:00")
    paths = places(tmp_path / "yard", "")
    async with yard(paths) as home:
        async with aiosqlite.connect(paths.state_dir / "history.sqlite") as other:
            # As a full disk: no further write is taken.
            for table in ("benches", "tunings"):
                await other.execute(f"CREATE TRIGGER no_{table} BEFORE INSERT ON {table} BEGIN SELECT raise(ABORT, 'full'); END")  # fmt: skip
            await other.commit()
        for path, sent in (("/bench", run(0, profile())), ("/tunings", study)):
            status, refused = await home.post(path, msgspec.to_builtins(sent))
            assert (status, refused["error"]["code"]) == (503, "state_unwritable"), path
