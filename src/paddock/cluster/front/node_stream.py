"""The way to the client of a request that a node answers: a head once, whoever says it, then what comes.

It knows whether any of an answer has been said. Until then, what one node began another may go on with.
"""

from functools import lru_cache
from typing import Protocol

from aiohttp import web
from multidict import CIMultiDict

from paddock.cluster.front import signs
from paddock.cluster.front.begun import BegunRequest
from paddock.cluster.front.names import own
from paddock.http import upstream
from paddock.http.accounting import Account
from paddock.http.call import RelayedCall
from paddock.http.downstream import Downstream
from paddock.http.own_replies import StreamedReply, head_of
from paddock.http.surfaces import OLLAMA, Surface
from paddock.llama.reply import Reply

NODE, _INSTANCE = "x-paddock-node", b"x-paddock-instance"


class Hearer(Protocol):
    """Whoever wants to know when an answer begins."""

    def answered(self) -> None:
        """The first of it is here."""


class NodeStream(Downstream):
    """An `Outlet` of replies of nodes, one after the other until one has answered."""

    __slots__ = ("_hearer", "has_answered", "node", "refused", "streams", "surface")

    def __init__(
        self,
        request: web.Request,
        surface: Surface,
        call: RelayedCall,
        account: Account,
        hearer: Hearer,
    ) -> None:
        super().__init__(request, surface, call, account)
        self._hearer = hearer
        self.node = ""  # whose reply comes
        self.has_answered = False  # some of an answer was said
        self.refused = b""  # what that node said in place of an answer; its client has not heard it
        self.surface, self.streams = surface, call.streams

    def take(self, piece: bytes, *, is_last: bool) -> bool:
        """Send it on, unless a node says no that has not answered: another one may say yes."""
        if not self.has_answered:
            if self.refused:
                self.refused += piece
                return True
            if not signs.is_sign(piece, self.surface, streams=self.streams):
                if signs.is_elsewhere(signs.refusal_in(piece, self.surface, streams=self.streams)):
                    self.refused = piece
                    return True
                self.note_answer()
        return super().take(piece, is_last=is_last)

    def note_answer(self) -> None:
        """From here on no other node can answer."""
        self.has_answered = True
        self._hearer.answered()

    async def say_refusal(self) -> web.StreamResponse:
        """What the node said in place of an answer, to a client that has heard signs of life."""
        self.note_answer()
        piece, self.refused = self.refused, b""
        super().take(piece, is_last=True)
        return await self.end()

    async def break_off_with(self, document: bytes) -> web.StreamResponse:
        """A node's refusal, in its own words, to a client that has heard signs of life."""
        if self.response is not None and self.streams:
            return await self.end(self.surface.event(document))
        return await self.end(document)

    def _sign(self, text: str) -> bytes:
        """The front's own, which does not put Ollama's replies together."""
        return b"" if self.surface is OLLAMA and self.streams else super()._sign(text)

    def go_on(self, begun: BegunRequest) -> None:
        """From where the short way came to with a reply that is relayed as it comes."""
        reply = begun.reply
        self.has_answered, self.refused, self.last = begun.has_answered, begun.refused, begun.last
        if not begun.is_begun:
            if begun.refused:
                self._begin_at_once(reply.status, self.head_of(reply), alone=False)
                self.is_open = True
            return
        response = StreamedReply(reply.status, b"")
        writer = response.begin(self._request)
        writer._headers_buf, writer._headers_written = None, True  # they are out
        writer.output_size, writer._eof = 1, begun.is_over
        self._begun_with(response, writer)
        self.is_open = True

    # ---- the head ----

    def headers_of(self, reply: Reply) -> CIMultiDict[str]:
        return _seen(tuple(reply.headers), self.node)

    def head_of(self, reply: Reply) -> bytes:
        return head_as_seen(reply.status, reply.same, self.node)


@lru_cache(maxsize=64)
def head_as_seen(status: int, lines: tuple[tuple[bytes, bytes], ...], node: str) -> bytes:
    """A node's head as its client gets it, but for what is each reply's own. `lines`: without the length."""
    return head_of(status, _seen(lines, node))


def _seen(lines: tuple[tuple[bytes, bytes], ...], node: str) -> CIMultiDict[str]:
    """A node's headers as its client sees them: which node it was, and its own name of the instance."""
    headers = upstream.passed_headers(lines)
    headers[NODE] = node
    if instance := headers.get("x-paddock-instance"):
        headers["x-paddock-instance"] = own(node, instance)
    return headers
