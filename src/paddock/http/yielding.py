"""Leaving the GPUs to other programs, and taking them back."""

from aiohttp import web

from paddock.api.yielding import YieldRequest, YieldResult
from paddock.errors import BadRequest
from paddock.http.departure import PATIENCE, departed
from paddock.http.front import Front, Route
from paddock.http.management import read, reply

_LONGEST = 366 * 86400  # seconds: a year


async def begin(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Yield; 202 where an instance still has to leave a GPU."""
    wanted = await read(front, request, YieldRequest, default=YieldRequest)
    daemon, seconds = front.daemon, allowed(wanted.seconds)
    await daemon.yielding.begin(wanted.by or "a client", seconds=seconds, now=wanted.now)
    leaving = info.leaving if (info := daemon.view.yielded()) else []
    pending = await departed(front, leaving, PATIENCE if wanted.wait else 0.0)
    return reply(YieldResult(yielded=daemon.view.yielded()), status=202 if pending else 200)


def allowed(seconds: float | None) -> float | None:
    """How long it may last. Raises BadRequest."""
    if seconds is not None and not 0 < seconds <= _LONGEST:
        raise BadRequest(f"seconds must be more than 0 and at most {_LONGEST}")
    return seconds


async def resume(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Resume; nothing happens where the GPUs are not yielded."""
    return reply(YieldResult(back=front.daemon.yielding.end()))
