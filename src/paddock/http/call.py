"""What is asked of an instance, resolved from a client's request before anything is waited for."""

from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from paddock.http import mending, resent, sampling, variants
from paddock.http.body import decoded
from paddock.http.content import Content
from paddock.http.front import Front
from paddock.http.interpreter import Interpreter
from paddock.http.receiving import HeldBodies
from paddock.http.sampling import Sampling

if TYPE_CHECKING:
    from paddock.config.profile import NamedModel
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
    named: "NamedModel",
    wish: "Wish",
    body: Content,
    path: str,
) -> Prompt:
    """The body with the samplers that hold, and what its variant sets; what it is a second copy of has ended.

    `path`: as the instance is asked.
    """
    ruled = front.samplers.ruled(named.profile, wish, named.variant, path)
    body = await shaped(bodies, named, wish, ruled, body, path)
    mark = resent.mark_of(request, named.profile.id, body)
    if (first := resent.first_of(front, request, mark)) is not None:
        await resent.supersede(front, first)
    return Prompt(body, ruled, mark)


async def shaped(
    bodies: HeldBodies,
    named: "NamedModel",
    wish: "Wish",
    ruled: Sampling,
    body: Content,
    path: str,
) -> Content:
    """The body as its model's name wants it asked, and as llama-server reads it rightly.

    The same where that changes nothing.
    """
    variant = named.variant if named.variant and variants.is_shaped(path) else None
    is_kept = not variant and not ruled.overruled
    if is_kept and not mending.may_need(body, wish, path):
        return body
    async with bodies.outlined(body) as view:
        said = decoded(view, sampling.FIELDS)
        fields = mending.mended(said, path)
        if is_kept and fields is said:
            return body
        return await bodies.changed(body, sampling.written(fields, ruled, variant, path))
