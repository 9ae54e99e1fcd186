"""The logs of all nodes in one text, whole lines, with a line where another node takes over."""

import asyncio
import logging
from contextlib import suppress

from aiohttp import web

from paddock.cluster.front.front import StableFront
from paddock.cluster.front.node_link import NodeLink
from paddock.http.front import Route
from paddock.llama.reply import Reply

_log = logging.getLogger(__name__)
_WAITING = 16  # pieces that may wait for whoever reads; then the nodes are read no further
_TEXT = {"content-type": "text/plain; charset=utf-8"}

_Pieces = asyncio.Queue[tuple[str, bytes]]


async def all_logs(front: StableFront, request: web.Request, route: Route) -> web.StreamResponse:
    """What every node's instances write: all of it, its last lines, or on and on."""
    links = front.nodes(request)
    response = web.StreamResponse(headers=_TEXT)
    await response.prepare(request)
    task = asyncio.ensure_future(_copy(links, request.path_qs, response))
    front.followers.add(task)  # awaited here, cancelled at shutdown
    try:
        await asyncio.wait((task,))
    finally:
        front.followers.discard(task)
        task.cancel()
    await response.write_eof()
    return response


async def _copy(links: list[NodeLink], path: str, response: web.StreamResponse) -> None:
    pieces = _Pieces(_WAITING)
    async with asyncio.TaskGroup() as group:
        writer = group.create_task(_write(pieces, response))
        readers = [group.create_task(_read(link, path, pieces)) for link in links]
        await asyncio.wait(readers)
        await pieces.join()
        writer.cancel()


async def _write(pieces: _Pieces, response: web.StreamResponse) -> None:
    last = ""
    while True:
        node, lines = await pieces.get()
        heading = b"" if node == last else f"── node {node} ──\n".encode()
        with suppress(ConnectionError):  # it left; its handler is cancelled
            await response.write(heading + lines)
        last = node
        pieces.task_done()


async def _read(link: NodeLink, path: str, pieces: _Pieces) -> None:
    """One node's, line by line, until it has no more or is lost."""
    try:
        reply = await link.pool.ask("GET", path, link.headers, None)
        try:
            if reply.status == web.HTTPOk.status_code:
                await _lines(link.name, reply, pieces)
        finally:
            reply.close()
    except OSError as error:
        _log.info("the log of node %s broke off: %s", link.name, error)


async def _lines(node: str, reply: Reply, pieces: _Pieces) -> None:
    rest = b""
    while piece := await reply.some():
        whole, newline, rest = (rest + piece).rpartition(b"\n")
        if newline:
            await pieces.put((node, whole + newline))
    if rest:
        await pieces.put((node, rest + b"\n"))
