"""The way of a request to a node and of its answer back, byte for byte; to another node where one is lost.

Invariants: what has been said of an answer is never said again; a request goes to a second node only while
nothing of an answer was said, and to no third; leaving early closes the connection to the node, which
ends the request there; the head is said once.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from aiohttp import hdrs, web
from multidict import istr

from paddock.cluster.front import signs
from paddock.cluster.front.begun import BegunRequest
from paddock.cluster.front.node_link import NodeLink
from paddock.cluster.front.node_stream import NodeStream
from paddock.cluster.front.passage import Passage
from paddock.cluster.front.stable import NodeWish
from paddock.errors import BadRequest, CannotFit, NodeLost, NodesAway
from paddock.http.askers import ASKER, asker
from paddock.http.call import Prompt, RelayedCall
from paddock.http.content import Content
from paddock.http.own_replies import WholeReply
from paddock.http.surfaces import UPSTREAM
from paddock.llama.reply import Reply, Unanswered

if TYPE_CHECKING:
    from paddock.cluster.policy.choice import HomeChoice
    from paddock.daemon.keyring import Holder

_AT_ONCE = 1 << 20  # bytes; a reply of known length up to here is relayed in one piece
_REFUSED, _UNAUTHORIZED = 400, 401
# What is the client's and the front's affair alone, or of this connection.
_KEPT_BACK = frozenset(
    istr(name)
    for name in (
        *("Host", "Authorization", "X-Api-Key", "Cookie", "Origin", "Referer", "X-Paddock-Asker"),
        *("Connection", "Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer"),
        *("Transfer-Encoding", "Upgrade", "Content-Length", "Content-Encoding", "Expect"),
        # The front has looked who sent it; to a node it is a program, which the front is.
        *("Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest", "Sec-Fetch-User"),
        "Accept-Language",
    )
)
_HIDDEN = frozenset(name.lower() for name in _KEPT_BACK)


@dataclass(frozen=True, slots=True)
class NodeCall:
    """What is asked of a node, resolved from a client's request."""

    wish: NodeWish
    path: str  # and query, as the node is asked
    body: Content | None = None
    streams: bool = False
    may_move: bool = True  # another node may be asked where one is lost


class _Elsewhere(Exception):  # a way, no error
    """A node says no to what another one may say yes to; its own words are kept."""

    def __init__(self, status: int, head: bytes, document: bytes) -> None:
        super().__init__(status)
        self.status, self.head, self.document = status, head, document


class Relaying:
    """Has one call answered, inside the block of its passage."""

    __slots__ = ("_begun", "_call", "_passage", "_stream", "_tried", "headers")

    def __init__(self, passage: Passage, call: NodeCall, begun: BegunRequest | None = None) -> None:
        """`begun`: how far it came without a handler."""
        self._passage, self._call, self._begun = passage, call, begun
        relayed = RelayedCall(
            passage.account.profile, call.path, Prompt(call.body), streams=call.streams
        )
        surface = passage.route.surface
        self._stream = passage.stream = NodeStream(
            passage.request, surface, relayed, passage.account, self
        )
        self._tried: list[str] = []
        self.headers = begun.headers if begun else _passed_on(passage.request)

    @property
    def profile(self) -> str:
        """That it is for, as its nodes call it."""
        return self._call.wish.profile

    @property
    def may_move(self) -> bool:
        """Whether another node could still answer."""
        if self._stream.has_answered or len(self._tried) > 1 or not self._call.may_move:
            return False
        homes = self._passage.front.stable.wish(*self._name).homes
        return any(name not in self._tried for name in homes)

    def answered(self) -> None:
        """The first of an answer is here."""
        self._passage.front.chooser.began(self._passage.ticket)

    @property
    def _name(self) -> tuple[str, "Holder | None"]:
        wish = self._call.wish
        name = f"{wish.model}@{wish.node}" if wish.node else wish.model
        return name, self._passage.holder

    async def through(self) -> web.StreamResponse:
        """Choose a node, ask it, relay what it says."""
        front, ticket = self._passage.front, self._passage.ticket
        while True:
            begun, self._begun = self._begun, None
            link = begun.link if begun else await self._chosen()
            self._tried.append(link.name)
            try:
                return await self._served(link, begun)
            except NodeLost:
                front.counts.lost(link.name)
                if not self.may_move:
                    raise
            except _Elsewhere as refused:
                if not self.may_move:
                    return await self._said(refused)
            finally:
                front.chooser.ended(ticket, self._passage.account.usage)
            front.counts.moved(link.name)

    async def at(self, link: NodeLink) -> web.StreamResponse:
        """Ask this node and no other."""
        self._tried.append(link.name)
        try:
            return await self._served(link)
        except _Elsewhere as refused:
            return await self._said(refused)

    # ---- which node ----

    async def _chosen(self) -> NodeLink:
        """The node that answers, waited for with signs of life while none is there."""
        passage = self._passage
        front, holder = passage.front, passage.holder
        until, is_woken = monotonic() + front.stable.times.patience, False
        wish = self._call.wish if not self._tried else front.stable.wish(*self._name)
        await front.looks.look(wish)
        try:
            while True:
                choice = front.chooser.choose(
                    wish,
                    passage.ticket,
                    whose=self.headers.get(ASKER, ""),
                    size=len(self._call.body or b""),
                    tried=self._tried,
                )
                if choice.node is not None and choice.wake is None:
                    front.sent(passage.ticket, choice)
                    return front.stable.links[choice.node]
                if choice.wake is not None and not is_woken:
                    is_woken = True
                    until += front.sleep.wake(choice.wake)
                left = until - monotonic()
                if left <= 0 or not (choice.wake or front.stable.may_come(wish, holder)):
                    raise self._nobody(wish, choice)
                passage.wait()
                await self._wait(left)
                wish = front.stable.wish(*self._name)
        finally:
            passage.wait_no_more()

    def _nobody(self, wish: NodeWish, choice: "HomeChoice") -> Exception:
        stable = self._passage.front.stable
        if homes := stable.was_home(wish):
            where = f"{wish.model} is on {', '.join(homes)} alone"
            words = choice.reason if wish.homes else f"{where}, which does not answer"
            return NodesAway(words, hint="paddock status shows the nodes")
        return stable.unknown(self._name[0], self._passage.holder)

    async def _wait(self, left: float) -> None:
        """Until something has changed, or it is time for a sign of life."""
        patience = self._patience
        pause = left if patience is None else min(left, patience)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._passage.front.stable.wait_changed()
                return
        if patience is not None and pause == patience:
            await self._stream.beat(f"waiting for a machine with {self._call.wish.model}")

    @property
    def _patience(self) -> float | None:
        settings = self._passage.front.settings
        if self._passage.route.surface is UPSTREAM:
            return None
        if self._stream.response is not None:
            return settings.keep_alive_every
        return settings.keep_alive_after if self._call.streams else settings.keep_alive_after_plain

    # ---- there and back ----

    async def _served(
        self, link: NodeLink, begun: BegunRequest | None = None
    ) -> web.StreamResponse:
        self._stream.node, self._stream.refused = link.name, b""
        self._passage.account.granted = monotonic()
        self._passage.account.instance = link.name
        with link.serving(self):
            try:
                reply = await (self._gone_on(link, begun) if begun else self._asked(link))
                return await self._exchanged(reply)
            except OSError as error:
                link.woken()
                if _is_of_client(self._passage.request, error):
                    raise
                words = str(error) or type(error).__name__
                raise NodeLost(
                    f"node {link.name} went away: {words}", hint="paddock status shows the nodes"
                ) from error

    async def _gone_on(self, link: NodeLink, begun: BegunRequest) -> Reply:
        """The reply that was asked for."""
        self._stream.go_on(begun)
        if begun.lost:
            raise NodeLost(begun.lost, hint="paddock status shows the nodes")
        try:
            await begun.reply.begun()
        except Unanswered:  # as `Pool.ask`: one that was kept may be closed in the same moment
            return await self._asked(link, anew=True)
        return begun.reply

    async def _asked(self, link: NodeLink, *, anew: bool = False) -> Reply:
        call, method = self._call, self._passage.request.method
        headers = self.headers | link.headers
        try:
            return await link.pool.ask(
                method, call.path, headers, call.body, self._stream, anew=anew
            )
        except ValueError as error:
            raise BadRequest(f"this request cannot be passed on: {error}") from error

    async def _exchanged(self, reply: Reply) -> web.StreamResponse:
        try:
            return await self._relayed(reply)
        finally:
            reply.close()  # where it was read to its end, its connection is kept

    async def _relayed(self, reply: Reply) -> web.StreamResponse:
        stream = self._stream
        if stream.is_open:
            stream.is_open = False
            if not reply.was_poured:
                await self._pour(reply)
            return await self._ended()
        if reply.status >= _REFUSED or stream.response is None:
            if reply.status >= _REFUSED or (reply.length or _AT_ONCE) < _AT_ONCE:
                return await self._in_one_piece(reply)
            await stream.begin(reply)
        await self._pour(reply)
        return await self._ended()

    async def _pour(self, reply: Reply) -> None:
        while await reply.pour(self._stream):
            await self._stream.drained()

    async def _ended(self) -> web.StreamResponse:
        """All of it is here: an answer, or a refusal in its stream that was held back."""
        if self._stream.refused:
            raise _Elsewhere(0, b"", b"")
        return await self._stream.end()

    async def _in_one_piece(self, reply: Reply) -> web.StreamResponse:
        """Nothing is said before all is here, so that the loss of a node costs no half reply."""
        stream = self._stream
        content = reply.rest() if reply.is_whole else await reply.whole()
        head = stream.head_of(reply) if stream.fits(reply.status) else b""
        if reply.status == _UNAUTHORIZED:
            raise NodeLost(f"node {stream.node} does not know the front's key")
        if reply.status >= _REFUSED:
            refused = _Elsewhere(reply.status, head, content)
            if signs.is_elsewhere(signs.code_in(content)):
                raise refused
            if stream.response is not None:
                return await self._said(refused)
        stream.note_answer()
        self._passage.account.usage.hear(content)
        self._passage.account.first = monotonic()
        if head:
            return WholeReply(reply.status, head, content)
        headers = stream.headers_of(reply)
        if self._passage.request.method != hdrs.METH_HEAD:
            headers.popall(hdrs.CONTENT_LENGTH, None)
        return web.Response(status=reply.status, headers=headers, body=content)

    async def _said(self, refused: _Elsewhere) -> web.StreamResponse:
        """The last node's own words, but for who keeps the memory: some models are not for every key."""
        holder = self._passage.holder
        document = refused.document or self._stream.refused
        if holder is not None and holder.is_restricted and CannotFit.code.encode() in document:
            raise CannotFit("this model cannot fit beside what must stay loaded")
        if not refused.status:
            return await self._stream.say_refusal()
        if self._stream.response is not None:
            return await self._stream.break_off_with(refused.document)
        if refused.head:
            return WholeReply(refused.status, refused.head, refused.document)
        return web.Response(
            status=refused.status, body=refused.document, content_type="application/json"
        )


def _passed_on(request: web.Request) -> dict[str, str]:
    """A client's headers as a node gets them, and whose request it is."""
    found = {name: value for name, value in request.headers.items() if name.lower() not in _HIDDEN}
    if whose := asker(request):
        found[ASKER] = whose
    return found


def _is_of_client(request: web.Request, error: OSError) -> bool:
    """Whether it is the client's connection that broke."""
    transport = request.transport
    return isinstance(error, ConnectionError) and (transport is None or transport.is_closing())
