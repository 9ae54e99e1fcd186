"""Runs that a daemon keeps, listed and compared over its API."""

from pathlib import Path

import msgspec

from paddock.api.bench import BenchComparison, BenchRuns
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
