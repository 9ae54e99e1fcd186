"""The calls about benchmarks: `paddock bench` measures, and the daemon's history keeps what it measured."""

from aiohttp import web

from paddock.api.bench import (
    BenchComparison,
    BenchNow,
    BenchRun,
    BenchRuns,
    ComparedFigure,
    ComparedProfile,
    KeptRun,
    RunSummary,
)
from paddock.api.types import ModelResult
from paddock.bench.comparison import compared
from paddock.errors import NoSuchThing
from paddock.http.front import Front, Route
from paddock.http.management import read, reply
from paddock.http.query import number

_RUNS, _MOST_RUNS = 50, 1000  # unless a client says how many, and at most


async def runs(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """The last of them, in short."""
    text = request.query.get("limit", str(_RUNS))
    limit = number(text, f"a number of runs from 1 to {_MOST_RUNS}", least=1, most=_MOST_RUNS)
    found = await front.daemon.chronicle.history.benches(limit=limit)
    return reply(BenchRuns(runs=[summary(run) for run in found]))


async def run(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """All that was measured in one."""
    return reply(await _kept(front, request.match_info["run"]))


async def against(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """What changed in one since another, beyond the spread of both."""
    after, before = [await _kept(front, request.match_info[name]) for name in ("run", "before")]
    return reply(comparison_of(before, after))


def comparison_of(before: BenchRun, after: BenchRun) -> BenchComparison:
    """The comparison on the wire. Pure."""
    found = compared(before, after)
    profiles = [
        ComparedProfile(
            profile=one.profile,
            figures=[
                ComparedFigure(
                    figure=change.figure,
                    unit=change.unit,
                    before=change.before,
                    after=change.after,
                    judgement=change.judgement,
                )
                for change in one.changes
            ],
            together=one.together,
        )
        for one in found.profiles
    ]
    return BenchComparison(
        before=before.id, after=after.id, profiles=profiles, missing=found.missing
    )


async def _kept(front: Front, text: str) -> BenchRun:
    wanted = number(text, "the number of a run")
    found = await front.daemon.chronicle.history.bench(wanted)
    if found is None:
        raise NoSuchThing(f"there is no run {wanted}", hint="`paddock bench --list` lists them")
    return found


async def keep(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """A new one, or what is known so far of one that is kept."""
    sent = await read(front, request, BenchRun)
    history = front.daemon.chronicle.history
    if sent.id and await history.bench(sent.id) is None:
        raise NoSuchThing(f"there is no run {sent.id}", hint="a new run has no number yet")
    return reply(KeptRun(id=await history.keep_bench(sent)))


async def news(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """How one stands, for dashboards."""
    now = await read(front, request, BenchNow)
    front.daemon.bench_changed(now)
    return reply(ModelResult(success=True, models=[now.profile]))


def summary(run: BenchRun) -> RunSummary:
    """A run as lists have it."""
    return RunSummary(
        id=run.id,
        begun_at=run.begun_at,
        outcome=run.outcome,
        seconds=run.seconds,
        profiles=[profile.profile for profile in run.profiles],
    )
