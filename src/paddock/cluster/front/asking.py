"""Short questions to nodes: one node's whole reply, or those of several at once."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec

from paddock.api.connection import refusal
from paddock.cluster.front.node_link import NodeLink
from paddock.errors import NodeLost, PaddockError

_log = logging.getLogger(__name__)
_PATIENCE = 30.0  # seconds: a node may have to ask an engine

T = TypeVar("T")


class Said(NamedTuple):
    """A node's whole reply."""

    status: int
    media: str
    body: bytes
    location: str = ""


async def ask(
    link: NodeLink,
    method: str,
    path: str,
    body: Any = None,
    *,
    headers: Mapping[str, str] | None = None,
    patience: float | None = _PATIENCE,
) -> Said:
    """Its whole reply, whatever it is. Raises NodeLost."""
    content = body if isinstance(body, bytes | None) else msgspec.json.encode(body)
    more = {"Content-Type": "application/json"} if content is not None else {}
    try:
        async with asyncio.timeout(patience):
            reply = await link.pool.ask(
                method, path, {**(headers or {}), **more, **link.headers}, content
            )
            try:
                whole = await reply.whole()
            finally:
                reply.close()
    except OSError as error:
        words = str(error) or type(error).__name__
        raise NodeLost(f"node {link.name} does not answer: {words}") from error
    return Said(reply.status, reply.content_type, whole, reply.header(b"location"))


async def given(link: NodeLink, kind: type[T], method: str, path: str, body: Any = None) -> T:
    """What it says yes with. Raises NodeLost, and the error that it says no with."""
    said = await ask(link, method, path, body)
    if said.status >= 400:
        raise refusal(said.body, said.status)
    return msgspec.json.decode(said.body, type=kind)


async def given_by_all(
    links: Iterable[NodeLink],
    kind: type[T],
    path: str,
    *,
    method: str = "GET",
    body: Any = None,
) -> dict[str, T]:
    """What each of them says yes with, by name; raises what the first said no with where all did."""
    found: dict[str, T] = {}
    errors: list[PaddockError] = []

    async def one(link: NodeLink) -> None:
        try:
            found[link.name] = await given(link, kind, method, path, body)
        except PaddockError as error:
            _log.info("node %s: %s %s: %s", link.name, method, path, error)
            errors.append(error)

    asked = list(links)
    async with asyncio.TaskGroup() as group:
        for link in asked:
            group.create_task(one(link))
    if not found and errors:
        raise errors[0]
    return {link.name: found[link.name] for link in asked if link.name in found}
