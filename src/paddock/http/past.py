"""The calls about what was: switches and their phases, who used what, how the devices were."""

import asyncio
from datetime import UTC, date, datetime, timedelta

from aiohttp import web

from paddock.api.stats import Stats
from paddock.api.switches import SwitchHistory
from paddock.api.usage import UsageReport
from paddock.daemon.clock import time_in_utc
from paddock.daemon.reports.remedies import Remedies
from paddock.daemon.reports.stats import summed
from paddock.errors import BadRequest
from paddock.http.front import Front, Route
from paddock.http.management import reply
from paddock.http.query import number

_SWITCHES, _MOST_SWITCHES = 50, 1000  # unless a client says how many, and at most
_STATS_OVER = timedelta(days=7)  # unless a client says since when
_USAGE_OVER = timedelta(days=29)  # 30 days, today included
_ALL = 10_000  # switches: as many as the history keeps
_MOST_REMEDIES = (
    3  # alternations that plans are made for: each takes some rehearsals of a second or so
)


async def switches(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Of one profile, also of one that models.conf no longer has, or of all."""
    named = request.query.get("model")
    if named is not None and (profile := front.daemon.roster.stable.find(named)):
        named = profile.id
    text = request.query.get("limit", str(_SWITCHES))
    what = f"a number of switches from 1 to {_MOST_SWITCHES}"
    limit = number(text, what, least=1, most=_MOST_SWITCHES)
    past = front.daemon.chronicle.history
    found = await past.switches(named, limit=limit)
    if named is not None and not found:
        front.daemon.resolve(named)  # raises UnknownModel: it never was
    return reply(SwitchHistory(switches=found))


async def stats(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """What switches cost since then, and which change would end the costliest alternations."""
    since = _since(request.query.get("since"))
    found = await front.daemon.chronicle.history.switches(since=since, limit=_ALL)
    result = await asyncio.to_thread(summed, since, found)
    await _look_for_remedies(front, result)
    return reply(result)


async def devices(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """How the devices were over the last hour, or since a moment of Unix time."""
    since = number(request.query.get("since", "0"), "since: a moment of Unix time")
    return reply(front.daemon.device_watch.past.read(since))


async def usage(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """What was used from one day to another, by key, model and day."""
    since = _day(request, "since", date.today() - _USAGE_OVER)  # noqa: DTZ011  # the local day
    until = _day(request, "until", date.today())  # noqa: DTZ011
    rows = await front.daemon.usage_log.found(since, until)
    return reply(UsageReport(since=since, until=until, rows=rows))


def _day(request: web.Request, name: str, default: date) -> str:
    text = request.query.get(name)
    try:
        return (date.fromisoformat(text) if text else default).isoformat()
    except ValueError:
        raise BadRequest(f"{name}: {text!r} is not a day", hint="as in 2026-11-30") from None


async def _look_for_remedies(front: Front, result: Stats) -> None:
    profiles = front.daemon.roster.stable.profiles
    remedies = Remedies(front.daemon, max_instances=front.daemon.settings.max_instances)
    for row in result.alternations[:_MOST_REMEDIES]:
        one, other = profiles.get(row.one), profiles.get(row.other)
        if one and other:
            await remedies.judge(row, one, other)


def _since(text: str | None) -> str:
    """As the history writes times. BadRequest where it is none."""
    try:
        at = datetime.fromisoformat(text) if text else datetime.now(UTC) - _STATS_OVER
        return time_in_utc(at)
    except (ValueError, OverflowError):
        raise BadRequest(
            f"since: {text!r} is not a time", hint="as in ISO 8601: 2026-11-30T08:00:00Z"
        ) from None
