"""A reply that its client hears in an interpreter's words, as it comes."""

from typing import TYPE_CHECKING

from aiohttp import web

from paddock.http import upstream
from paddock.http.downstream import Downstream
from paddock.http.interpreter import Interpreter
from paddock.llama.reply import Reply

if TYPE_CHECKING:
    from paddock.daemon.activity.requests import Request
    from paddock.daemon.instances.endpoint import Endpoint
    from paddock.http.accounting import Account


async def interpret(
    reply: Reply,
    endpoint: "Endpoint",
    interpreter: Interpreter,
    downstream: Downstream,
    listed: "Request",
    account: "Account",
) -> web.StreamResponse:
    """Say the reply in the interpreter's words. UpstreamGone where it is torn."""
    while piece := await upstream.some(reply, endpoint):
        listed.has_begun = True
        account.usage.hear(piece)
        if words := interpreter.hear(piece):
            await downstream.say(words)
    return await downstream.end(interpreter.end())
