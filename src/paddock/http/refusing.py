"""Errors on their way to a client: what became of an instance, and who is said to have refused."""

import math
from typing import TYPE_CHECKING

from aiohttp import web

from paddock.errors import GpusYielded, PaddockError, QueueFull, UpstreamGone
from paddock.http import errors
from paddock.http.surfaces import Surface

if TYPE_CHECKING:
    from paddock.daemon.daemon import Daemon
    from paddock.http.accounting import Account

_EVENTS = "text/event-stream"


async def explained(error: PaddockError, daemon: "Daemon", account: "Account") -> PaddockError:
    """A crash after which the profile is held back is final: to ask again is in vain."""
    timed(error, daemon, account.profile)
    if type(error) is UpstreamGone and account.instance:
        return await daemon.held_back(account.profile, account.instance) or error
    return error


def timed(error: PaddockError, daemon: "Daemon", profile: str) -> None:
    """Say when it passes, where that is known: at the end of a yield for a time, when a load is over."""
    left: float | None = None
    if isinstance(error, GpusYielded):
        left = daemon.yielded_for
    elif isinstance(error, QueueFull):
        left = daemon.load_left(profile)
    if left is not None:
        error.passes_in = max(1.0, math.ceil(left))


def refusal(error: PaddockError, surface: Surface, request: web.Request) -> web.Response:
    """Paddock says no to a client that has heard nothing yet."""
    if is_of_events(surface, request.headers.get("Accept")):
        return to_a_reader_of_events(error, surface)
    return errors.refusal(error, surface.shape, surface.status(error, error.status))


def is_of_events(surface: Surface, accept: str | None) -> bool:
    """Whether a client of this surface that accepts this hears a refusal as an event."""
    return surface.in_events and accept == _EVENTS


def to_a_reader_of_events(error: PaddockError, surface: Surface) -> web.Response:
    """Codex ends its turn at 400 alone, and asks 30 times after a 5xx and 6 times after a 429 without a
    word of the reason. The events of a stream have it wait, and show it."""
    if error.passes_in is None or error.passes_in > errors.SOON:
        return errors.refusal(error, surface.shape, surface.final)
    words = surface.event(surface.shape(error, error.status))
    headers = errors.advice(error) | {"cache-control": "no-cache"}
    return web.Response(body=words, content_type=_EVENTS, headers=headers)


def engine_refusal(
    error: PaddockError, status: int, surface: Surface, account: "Account"
) -> web.Response:
    """llama-server says no, in the shape that clients of this surface know."""
    response = errors.refusal(error, surface.shape, surface.status(error, status))
    response.headers["x-paddock-profile"] = account.profile
    response.headers["x-paddock-instance"] = account.instance
    return response
