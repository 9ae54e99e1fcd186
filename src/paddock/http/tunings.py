"""The calls about tuning: `paddock tune` searches; the daemon loads its trials, and keeps what came of it."""

import asyncio

import msgspec
from aiohttp import web

from paddock.api.bench import KeptRun
from paddock.api.tunings import (
    StudyBegun,
    StudyNews,
    StudyRequest,
    TrialProfile,
    TrialRequest,
    Tuning,
    TuningList,
    TuningNow,
    TuningSummary,
)
from paddock.api.types import ModelResult
from paddock.errors import NoSuchThing
from paddock.http import sse
from paddock.http.front import Front, Route
from paddock.http.management import read, reply
from paddock.http.query import number

_STUDIES, _MOST = 50, 1000  # unless a client says how many, and at most
_BEAT = 1.0  # seconds between signs of life; so soon it shows that the client has gone


async def begin(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """A study, for as long as its reply is read: whoever kills the client ends it."""
    wanted = await read(front, request, StudyRequest)
    profile = front.daemon.resolve(wanted.profile).id
    now = TuningNow(profile=profile, goal=wanted.goal)
    with front.daemon.tunings.study(profile, now, front.daemon.status().current) as study:
        task = asyncio.current_task()
        assert task is not None, "a handler runs in one"
        front.followers.add(task)
        try:
            async with sse.stream(request) as response:
                first = StudyBegun(study=study.id, trial=study.trial, stops=study.ran)
                await response.write(b"event: study\ndata: " + msgspec.json.encode(first) + b"\n\n")
                while True:
                    await asyncio.sleep(_BEAT)
                    await response.write(sse.SILENCE)
        finally:
            front.followers.discard(task)
    return response


async def trial(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """The profile with other flags, under a name of its own."""
    wanted = await read(front, request, TrialRequest)
    profile = await front.daemon.tunings.try_with(wanted.study, wanted.changes)
    return reply(TrialProfile(profile=front.daemon.profile(profile)))


async def news(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """How it stands, for dashboards."""
    said = await read(front, request, StudyNews)
    front.daemon.tunings.note(said.study, said.now)
    return reply(ModelResult(success=True, models=[said.now.profile]))


# ---- what is kept ----


async def listed(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """The last of them, in short, and the one that runs."""
    text = request.query.get("limit", str(_STUDIES))
    limit = number(text, f"a number of studies from 1 to {_MOST}", least=1, most=_MOST)
    history = front.daemon.chronicle.history
    found = await history.tunings(request.query.get("model"), limit=limit)
    running = front.daemon.tuning_book.now
    return reply(TuningList(tunings=[_summary(one) for one in found], running=running))


async def one(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """All that is known of one."""
    wanted = number(request.match_info["tuning"], "the number of a study")
    found = await front.daemon.chronicle.history.tuning(wanted)
    if found is None:
        raise NoSuchThing(f"there is no study {wanted}", hint="`paddock tune --list` lists them")
    return reply(found)


async def keep(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """A new one, or what is known so far of one that is kept."""
    sent = await read(front, request, Tuning)
    history = front.daemon.chronicle.history
    if sent.id and await history.tuning(sent.id) is None:
        raise NoSuchThing(f"there is no study {sent.id}", hint="a new study has no number yet")
    profile = front.daemon.roster.stable.profiles.get(sent.profile)
    if profile and not sent.files:
        sent.files = await asyncio.to_thread(front.daemon.file_mark, profile)
    return reply(KeptRun(id=await history.keep_tuning(sent)))


def _summary(tuning: Tuning) -> TuningSummary:
    return TuningSummary(
        id=tuning.id,
        profile=tuning.profile,
        goal=tuning.goal,
        outcome=tuning.outcome,
        begun_at=tuning.begun_at,
        seconds=tuning.seconds,
        loads=tuning.loads,
        trials=len(tuning.trials),
        verdict=tuning.verdict,
        gain=tuning.gain,
        applied_at=tuning.applied_at,
    )
