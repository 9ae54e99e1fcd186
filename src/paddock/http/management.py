"""The management API: what looks at the stable and what steers it."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from paddock.api.placement import History
from paddock.api.types import (
    ModelRequest,
    ModelResult,
    ShutdownRequest,
    SwitchRequest,
    SwitchResult,
)
from paddock.core.model import ProfileId
from paddock.daemon.reports.checkup import examine
from paddock.daemon.reports.preview import previewed
from paddock.daemon.reports.profile_detail import profile_detail
from paddock.daemon.turns import in_turns
from paddock.errors import BadRequest, NoSuchThing, NotLoaded, UnknownModel
from paddock.http import body, errors, refusing, router, sse
from paddock.http.departure import PATIENCE, departed
from paddock.http.errors import status_of
from paddock.http.front import Front, Route
from paddock.http.query import number

T = TypeVar("T")
_LOOK_AT_FILES = 0.5  # seconds: a preview does not wait longer for a disk
_LOADS, _MOST_LOADS = 50, 1000  # of a history: by default, and at most

_ABOUT = """\
This is Paddock {version}: llama.cpp models behind one address.

  GET  /status        what runs
  GET  /v1/models     what can be asked for
  POST /switch        {{"model": "…"}} makes it ready
  GET  /events        everything that happens, as it happens
  GET  /openapi.json  every call
  GET  /dashboard     all of it in a browser

OpenAI clients: base URL http://{host}/v1    Anthropic's and Ollama's: http://{host}
"""


async def about(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """llama-server's web page for a browser, else where to look next.

    At Ollama's port, the words by which its clients know it.
    """
    if _is_ollamas_port(front, request):
        return web.Response(text="Ollama is running")
    if page := await front.web_page.answer(request, front.guard.sender(request.headers)):
        return page
    version = front.daemon.status().version
    return web.Response(text=_ABOUT.format(version=version, host=request.host))


def _is_ollamas_port(front: Front, request: web.Request) -> bool:
    here = request.get_extra_info("sockname")
    return here is not None and here[1] == front.settings.ollama_port


async def health(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """The daemon lives; says nothing of any model."""
    return reply({"status": "ok"})


async def status(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """What runs, what waits, what lies where."""
    return reply(front.daemon.status())


async def switch(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Make a profile ready: wait for it, follow it, or return the address of its status."""
    wanted = await read(front, request, SwitchRequest)
    profile = front.daemon.resolve(wanted.model).id
    if "text/event-stream" in request.headers.get("Accept", ""):
        return await sse.switching(front, request, profile, force=wanted.force)
    job = front.daemon.switch(profile, force=wanted.force)
    where = {"location": f"/jobs/{job.id}"}
    if not wanted.wait:
        return reply(job.result, status=202, headers=where)
    result = await job.wait()
    if job.error:
        refusing.timed(job.error, front.daemon, profile)
        where |= errors.advice(job.error)
    return reply(result, status=_status_of(result), headers=where)


async def job(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """How a switch is going, or how it went; always 200, the outcome is in the body."""
    return reply(front.daemon.job(request.match_info["job"]).result)


async def history(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """The loads of one profile, also of one that models.conf no longer has."""
    name, limit = _id_or_name(front, request.match_info["model"]), _limit(request)
    past = front.daemon.chronicle.history
    loads = await past.loads(name, limit=limit)
    if not loads:
        name = front.daemon.resolve(name).id  # raises UnknownModel: it never was
    daemon = front.daemon
    modes = await daemon.chosen_modes(name)
    return reply(History(profile=name, loads=loads, context=daemon.spared(name), load_modes=modes))


async def profile(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """One profile in full; no engine is asked."""
    found = front.daemon.resolve(request.match_info["model"])
    return reply(await profile_detail(front.daemon.parts, front.daemon.view, found))


async def preview(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """What a switch would do now; nothing is changed, and no engine asked."""
    profile = front.daemon.resolve(request.match_info["model"])
    ahead = front.daemon.read_ahead
    seen = await ahead.seen(profile, within=_LOOK_AT_FILES)
    eta = ahead.expected(ProfileId(profile.id), seen) if seen else None
    parts, view = front.daemon.parts, front.daemon.view
    return reply(previewed(parts, view, profile, seen=seen, eta=eta))


async def cancel_request(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """End one request in flight; its client hears that it was cancelled."""
    try:
        wanted = number(request.match_info["request"], "the number of a request")
    except BadRequest as error:
        raise NoSuchThing(error.message) from error
    front.daemon.requests.cancel(wanted)
    return reply(router.Success())


async def doctor(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """What could be better about these profiles, without a name all, and about the machine."""
    named = [front.daemon.resolve(name) for name in request.query.getall("model", [])]
    every = list(front.daemon.roster.stable.profiles.values())
    return reply(await examine(front.daemon.parts, front.daemon.sampler, named or every))


async def unload(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Unload one profile, or all; 202 where an instance still has to end."""
    wanted = await read(front, request, ModelRequest, default=ModelRequest)
    names = front.daemon.unload(_id(front, wanted.model), now=wanted.now)
    pending = await departed(front, names, PATIENCE if wanted.wait else 0.0)
    result = ModelResult(success=True, models=names, pending=pending)
    return reply(result, status=202 if pending else 200)


async def cancel(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Give up the load of one profile, or of all."""
    wanted = await read(front, request, ModelRequest, default=ModelRequest)
    names = front.daemon.cancel(_id(front, wanted.model))
    return reply(ModelResult(success=True, models=names))


async def reload(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Read models.conf again, now."""
    await front.daemon.reload()
    names = [profile.id async for profile in in_turns(front.daemon.profiles())]
    return reply(ModelResult(success=True, models=names))


async def shutdown(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """End the daemon, and its instances unless they are to be kept."""
    wanted = await read(front, request, ShutdownRequest, default=ShutdownRequest)
    running = [instance.profile for instance in front.daemon.status().instances]
    front.daemon.shut_down(keep=wanted.keep)
    return reply(ModelResult(success=True, models=running), status=202)


async def load(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """The router's load: begins it and returns."""
    wanted = await read(front, request, router.LoadRequest)
    front.daemon.switch(front.named(request, wanted.model).profile.id)
    return reply(router.Success())


async def router_unload(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """The router's unload."""
    wanted = await read(front, request, router.LoadRequest)
    if coming := front.daemon.pull_book.under_way(wanted.model):
        front.daemon.pulls.cancel(coming.id)
        return reply(router.Success())
    profile = front.daemon.resolve(wanted.model).id
    if not front.daemon.unload(profile, now=False):
        raise NotLoaded(f"{profile} is not loaded")
    return reply(router.Success())


async def disabled(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """What llama.cpp's router says of features that were not asked for; its web page knows it."""
    error = {"message": "this feature is disabled", "type": "feature_disabled"}
    return reply({"error": error}, status=403)


def reply(value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A JSON reply."""
    return web.Response(
        status=status,
        body=msgspec.json.encode(value),
        content_type="application/json",
        headers=headers,
    )


async def read(
    front: Front, request: web.Request, kind: type[T], *, default: Callable[[], T] | None = None
) -> T:
    content = await front.receiver.order(request)
    if not content and default is not None:
        return default()
    return body.decoded(content, msgspec.json.Decoder(kind))


def _id(front: Front, model: str | None) -> str | None:
    return front.daemon.resolve(model).id if model else None


def _id_or_name(front: Front, model: str) -> str:
    try:
        return front.daemon.resolve(model).id
    except UnknownModel:
        return model


def _limit(request: web.Request) -> int:
    text = request.query.get("limit", str(_LOADS))
    what = f"a number of loads from 1 to {_MOST_LOADS}"
    return number(text, what, least=1, most=_MOST_LOADS)


def _status_of(result: SwitchResult) -> int:
    return status_of(result.failure.code) if result.failure else 200
