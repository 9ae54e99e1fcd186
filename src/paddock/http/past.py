"""The calls about what was: switches and their phases."""

from aiohttp import web

from paddock.api.switches import SwitchHistory
from paddock.http.front import Front, Route
from paddock.http.management import reply
from paddock.http.query import number

_SWITCHES, _MOST_SWITCHES = 50, 1000  # unless a client says how many, and at most


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
