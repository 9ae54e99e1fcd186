"""Slots that a manager has saved to a file or restored from one: `POST /slots/0?action=save`.

Where the folder is ours (`keep-context`), so are the names and the bound. Where the profile has a folder of
its own (`slot-save-path`), both are the user's affair; only a manager may in either.
"""

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from paddock.errors import BadRequest
from paddock.http import upstream
from paddock.http.body import decoded
from paddock.http.steering import SlotFile

if TYPE_CHECKING:
    from paddock.daemon.instances.endpoint import Endpoint
    from paddock.daemon.instances.hand_saved import HandSaved

_JSON = {"Content-Type": "application/json"}


class _SlotFile(msgspec.Struct):
    filename: str


_SLOT_FILE = msgspec.json.Decoder(_SlotFile)


async def obey(
    endpoint: "Endpoint", hand_saved: "HandSaved | None", order: SlotFile, content: bytes
) -> web.StreamResponse:
    """Have the instance do it, under a name of ours where the folder is ours (`hand_saved`)."""
    with endpoint.in_use():
        if hand_saved is None:
            return await _asked(endpoint, order, content)
        named = _named(content)
        if order.action == "restore":
            return await _renamed(endpoint, order, hand_saved.name(named), named)
        with hand_saved.saving(named) as name:
            return await _renamed(endpoint, order, name, named)


def _named(content: bytes) -> str:
    try:
        return decoded(content, _SLOT_FILE).filename
    except BadRequest as error:
        raise BadRequest(f"the file's name is missing: {error.message}") from error


async def _renamed(endpoint: "Endpoint", order: SlotFile, name: str, named: str) -> web.Response:
    """Ask it under this name; the client reads the one that it gave."""
    reply = await _asked(endpoint, order, msgspec.json.encode(_SlotFile(name)))
    if reply.status == HTTPStatus.OK and isinstance(reply.body, bytes):
        answer = msgspec.json.decode(reply.body, type=dict[str, Any])
        reply.body = msgspec.json.encode(answer | {"filename": named})
    return reply


async def _asked(endpoint: "Endpoint", order: SlotFile, content: bytes) -> web.Response:
    reply = await upstream.ask(endpoint, "POST", order.path, dict(_JSON), content)
    try:
        answer = await upstream.whole(reply, endpoint)
    finally:
        reply.close()
    headers = upstream.reply_headers(reply, endpoint.profile, endpoint.instance)
    headers.popall("Content-Length", None)
    return web.Response(status=reply.status, body=answer, headers=headers)
