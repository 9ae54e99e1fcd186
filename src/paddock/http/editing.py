"""models.conf edited over HTTP, for managers: see `daemon/editor.py`."""

from aiohttp import web

from paddock.api.editing import ConfigDraft, ConfigText, ConfigUndo, ConfigWrite, ConfigWritten
from paddock.errors import ConfigChangedMeanwhile
from paddock.http import errors
from paddock.http.front import Front, Route
from paddock.http.management import read, reply


async def text(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """The file as it is now; its fingerprint is the ETag too."""
    found = await front.daemon.editor.text()
    return reply(found, headers=_tag(found))


async def check(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """What is wrong with a draft; always 200, the outcome is in the body."""
    return reply(await front.daemon.editor.check(await read(front, request, ConfigDraft)))


async def preview(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """What writing a draft would change."""
    return reply(await front.daemon.editor.preview(await read(front, request, ConfigDraft)))


async def write(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Write it; 409 with the ETag of what is there where that is not what was edited."""
    wanted = await read(front, request, ConfigWrite)
    try:
        done = await front.daemon.editor.write(wanted.text, wanted.based_on)
    except ConfigChangedMeanwhile as error:
        return _refused(error, route)
    return reply(done, headers=_tag(done))


async def undo(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """Put an earlier text back; refused as `write`."""
    wanted = await read(front, request, ConfigUndo)
    try:
        done = await front.daemon.editor.undo(wanted.earlier, wanted.based_on)
    except ConfigChangedMeanwhile as error:
        return _refused(error, route)
    return reply(done, headers=_tag(done))


def _refused(error: ConfigChangedMeanwhile, route: Route) -> web.Response:
    refusal = errors.refusal(error, route.surface.shape)
    refusal.headers["ETag"] = f'"{error.fingerprint}"'
    return refusal


def _tag(found: ConfigText | ConfigWritten) -> dict[str, str]:
    return {"ETag": f'"{found.fingerprint}"'}
