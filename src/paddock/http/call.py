"""What is asked of an instance, resolved from a client's request before anything is waited for."""

from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from paddock.http import resent, sampling
from paddock.http.content import Content
from paddock.http.front import Front
from paddock.http.interpreter import Interpreter
from paddock.http.receiving import HeldBodies
from paddock.http.sampling import Sampling

if TYPE_CHECKING:
    from paddock.config.profile import Profile
    from paddock.http.body import Wish


class Prompt(msgspec.Struct, frozen=True):
    """The body of a request that generates, and what was decided about it."""

    body: Content | None
    sampling: Sampling = sampling.NOTHING_SAID
    mark: int | None = None  # the same for what the same client sends again


class RelayedCall(msgspec.Struct, frozen=True):
    """Nothing of it changes while it waits and is served."""

    profile: str
    path: str = ""  # and query, as the instance is asked
    prompt: Prompt = Prompt(None)
    streams: bool = False
    interpreter: Interpreter | None = None  # where llama-server does not speak this API
    ignored: tuple[str, ...] = ()  # what the client asked for in vain


async def prompt(
    front: Front,
    request: web.Request,
    bodies: HeldBodies,
    profile: "Profile",
    wish: "Wish",
    body: Content,
) -> Prompt:
    """The body with the samplers that hold; what it is a second copy of has ended."""
    ruled = front.samplers.ruled(profile, wish)
    if ruled.overruled:
        async with bodies.outlined(body) as view:
            body = await bodies.changed(body, sampling.without(view, ruled.overruled))
    mark = resent.mark_of(request, profile.id, body)
    await resent.supersede(front, request, mark)
    return Prompt(body, ruled, mark)
