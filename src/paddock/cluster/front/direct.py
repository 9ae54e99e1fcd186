"""The short way of a request to a node: no task, no handler, within the calls that read it and its reply.

A relay before a relay has to be the lighter one: what the usual way costs (`relays.py`, `passage.py`, `relaying.py`)
is mostly tasks that wake each other, and reading again a head that is the same as before. Here goes a request whose head came before
on its connection, whose model the head's key may ask, and for whose node a connection is kept. Whatever comes up
then, a refusal, a loss, a client that is slow, `Relaying` goes on with it from there: nothing is asked or said twice.
"""

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

from aiohttp import hdrs, web
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http_parser import RawRequestMessage

from paddock.cluster.front import signs
from paddock.cluster.front.node_link import NodeLink
from paddock.cluster.front.node_stream import head_as_seen
from paddock.cluster.front.passage import count_use, next_ticket
from paddock.errors import PaddockError
from paddock.http import body as bodies
from paddock.http.accounting import Account
from paddock.http.askers import ASKER
from paddock.http.client_link import link_of
from paddock.http.content import SMALL
from paddock.http.direct import DirectClient
from paddock.http.front import Route
from paddock.http.own_replies import EMPTY, is_plain
from paddock.http.surfaces import OLLAMA
from paddock.llama.pool import beginning
from paddock.llama.reply import Reply

if TYPE_CHECKING:
    from paddock.cluster.front.front import StableFront
    from paddock.cluster.front.stable import NodeWish
    from paddock.daemon.keyring import Holder

_AT_ONCE = 1 << 20  # bytes; a reply of known length up to here is sent in one piece
_REFUSED, _CLIENT_LEFT = 400, 499


def remember(
    front: "StableFront", request: web.Request, route: Route, headers: dict[str, str]
) -> None:
    """Have the next request with this head go the short way. `headers`: as a node gets them."""
    memo = link_of(request).memo
    if memo.direct is None and _is_usual(request, route):
        memo.direct = NodeWay(front, route, request.rel_url.raw_path, headers)


def _is_usual(request: web.Request, route: Route) -> bool:
    """Whether its body alone says what it is for, in JSON as it is."""
    has_more = hdrs.CONTENT_ENCODING in request.headers or request.rel_url.raw_query_string
    is_form = bodies.is_form(request.headers.get(hdrs.CONTENT_TYPE, ""))
    return route.surface is not OLLAMA and not is_form and not has_more and is_plain(request)


class NodeWay:
    """Of requests with one head."""

    __slots__ = ("_head", "_link", "_path", "front", "headers", "route", "whose")

    def __init__(
        self,
        front: "StableFront",
        route: Route,
        path: str,
        headers: dict[str, str],
    ) -> None:
        self.front, self.route, self.headers, self._path = front, route, headers, path
        self.whose = headers.get(ASKER, "")
        self._link: NodeLink | None = None  # that was asked last
        self._head = b""  # as it is asked, but for the length of the body

    def begin(
        self, client: DirectClient, message: RawRequestMessage, body: bytes
    ) -> "NodeRequest | None":
        """Ask a node. None, and nothing has happened, where the usual way must say or do more."""
        front = self.front
        try:
            holder = front.guard.holder(message.headers, self.route.scope)
            asked = bodies.wish(body, "") if body[:1] == b"{" and len(body) <= SMALL else None
        except PaddockError:
            return None
        if asked is None or not asked.model:
            return None
        wish = front.stable.wish(asked.model, holder)
        if wish.model != asked.model or not wish.homes or front.looks.is_due(wish):
            return None
        streams = bool(asked.stream) and self.route.streams
        request = NodeRequest(self, client, message, body, wish, holder, streams=streams)
        return request if request.asked() else None

    def head_for(self, link: NodeLink) -> bytes:
        """All lines but the length of the body."""
        if link is not self._link:
            headers = tuple((self.headers | link.headers).items())
            self._head = beginning(link.pool.host, "POST", self._path, headers, has_body=True)
            self._link = link
        return self._head


class NodeRequest:
    """One of them: an `Outlet` of its node's reply, and a use of that node."""

    __slots__ = (
        *("_client", "_holder", "_way", "account", "body", "has_answered", "is_begun", "is_over"),
        *(
            "last",
            "link",
            "lost",
            "message",
            "pieces",
            "refused",
            "reply",
            "streams",
            "ticket",
            "wish",
        ),
    )

    def __init__(
        self,
        way: NodeWay,
        client: DirectClient,
        message: RawRequestMessage,
        body: bytes,
        wish: "NodeWish",
        holder: "Holder | None",
        *,
        streams: bool,
    ) -> None:
        self._way, self._client, self._holder = way, client, holder
        self.message, self.body, self.wish, self.streams = message, body, wish, streams
        self.account = Account(way.route.surface.name)
        self.ticket = next_ticket()
        self.link: NodeLink
        self.reply: Reply
        self.pieces: list[bytes] = []  # of a reply that is sent at once
        self.is_begun = False  # the head of the reply is out
        self.has_answered = False  # some of an answer was said
        self.refused = b""  # what the node said in place of one; its client has not heard it
        self.last = b""  # what was relayed last
        self.lost = ""  # why its node is given up
        self.is_over = False  # all of the reply is out

    def asked(self) -> bool:
        """Whether a node is asked; where not, nothing has happened."""
        front, way, account = self._way.front, self._way, self.account
        choice = front.chooser.choose(
            self.wish, self.ticket, whose=way.whose, size=len(self.body), tried=()
        )
        link = front.stable.links.get(choice.node) if choice.node else None
        inflow = link.pool.kept() if link is not None and choice.wake is None else None
        if link is None or inflow is None or not self._is_admitted():
            front.chooser.ended(self.ticket, account.usage)
            if link is not None and inflow is not None:
                link.pool.put_back(inflow)
            return False
        self.link = link
        account.profile, account.instance = self.wish.profile, link.name
        account.granted = account.started
        head = b"%bContent-Length: %d\r\n\r\n%b" % (way.head_for(link), len(self.body), self.body)
        try:
            self.reply = inflow.ask(head, self, is_head=False, is_all=True)
        except ConnectionError:  # it was closed just now
            front.chooser.ended(self.ticket, account.usage)
            if self._holder is not None:
                self._holder.leave()
            return False
        front.sent(self.ticket, choice)
        link.uses.add(self)
        link.woken()
        self.reply.on_news(self._news)
        return True

    def _is_admitted(self) -> bool:
        try:
            if self._holder is not None:
                self._holder.admit()
        except PaddockError:
            return False
        return True

    # ---- the reply, as it comes ----

    def opens(self, reply: Reply) -> bool:
        """Its head is here. Whether it is a reply for this way."""
        status, length = reply.status, reply.length
        if status >= _REFUSED or status in EMPTY:
            return False
        if length is not None:
            return 0 < length < _AT_ONCE
        if not reply.has_more:
            self._send_head(reply)
        return True

    def take(self, piece: bytes, *, is_last: bool) -> bool:
        """Send it on; whether the client takes more."""
        reply, surface = self.reply, self._way.route.surface
        if reply.length is not None:
            self.pieces.append(piece)
            if is_last:
                self._send_whole(reply)
            return True
        if not self.has_answered:
            if self.refused:
                self.refused += piece
                return True
            if not signs.is_sign(piece, surface, streams=self.streams):
                if signs.is_elsewhere(signs.refusal_in(piece, surface, streams=self.streams)):
                    self.refused = piece
                    return True
                self._note_answer()
        self.account.usage.hear(piece)
        self.last = piece
        end = b"\r\n0\r\n\r\n" if is_last else b"\r\n"
        chunk = b"%x\r\n%b%b" % (len(piece), piece, end)
        if self.is_begun:
            self._client.send(chunk)
        else:
            self._send_head(reply, chunk)
        self.is_over = is_last
        return not self._client.writing_paused

    def _send_head(self, reply: Reply, more: bytes = b"") -> None:
        self.is_begun = True
        self.account.first = monotonic()
        self._client.send(self._head(reply, b"Transfer-Encoding: chunked") + more)

    def _send_whole(self, reply: Reply) -> None:
        content = self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)
        self.is_over = self.is_begun = True
        self._note_answer()
        self.account.first = monotonic()
        self._client.send(self._head(reply, b"Content-Length: %d" % len(content)) + content)
        self.account.usage.hear(content)

    def _head(self, reply: Reply, framing: bytes) -> bytes:
        head = head_as_seen(reply.status, reply.same, self.link.name)
        return b"%b%b\r\nDate: %b\r\n\r\n" % (head, framing, rfc822_formatted_time().encode())

    def _note_answer(self) -> None:
        self.has_answered = True
        self._way.front.chooser.began(self.ticket)

    # ---- its end ----

    def _news(self, _future: "asyncio.Future[None]") -> None:
        """The reply is whole, or is for the usual way."""
        if self not in self.link.uses:
            return  # somebody else has it, or it is over
        if self.reply.was_poured and self.is_begun and not self.refused:
            if not self.is_over:  # its end came by itself
                self._client.send(b"0\r\n\r\n")
            self._close(self.reply.status, "done")
            self._client.served()
        else:
            self._to_handler()

    def _to_handler(self) -> None:
        self.link.uses.discard(self)
        self._client.to_handler(self.message, self.body, self)

    def left(self) -> None:
        """Its client has gone: its node hears so by the end of the connection."""
        self.reply.close()
        self._close(_CLIENT_LEFT, "left")

    def _close(self, status: int, outcome: str) -> None:
        front = self._way.front
        self.link.uses.discard(self)
        self.link.used_at = monotonic()
        front.chooser.ended(self.ticket, self.account.usage)
        self.account.close(front.metrics, status, outcome)
        if self._holder is not None:
            count_use(front.metrics, self._holder, self.account)

    # ---- `OngoingUse`, and what is served by it ----

    @property
    def headers(self) -> dict[str, str]:
        """The client's as a node gets them, without the front's key."""
        return self._way.headers

    @property
    def served(self) -> "NodeRequest":
        return self

    @property
    def profile(self) -> str:
        return self.wish.profile

    @property
    def may_move(self) -> bool:
        """Whether another node could still answer."""
        return not self.has_answered and len(self.wish.homes) > 1

    def end(self, why: str) -> None:
        """The node does not answer: it is not waited for any longer."""
        if not self.lost:
            self.lost = why
            self.reply.close()
            self._to_handler()
