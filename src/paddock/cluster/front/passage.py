"""One request on its way through the front: its body read, its model found, its client answered once.

    async with Passage(front, request, route) as passage:
        …
        passage.response = await Relaying(passage, call).through()
    return passage.answer

A PaddockError inside the block becomes a refusal in the client's own API.
"""

import asyncio
from contextlib import suppress
from itertools import count
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from paddock.api.activity import RequestInfo
from paddock.cluster.front.begun import BegunRequest
from paddock.cluster.front.names import STRIDE
from paddock.cluster.front.node_stream import NodeStream
from paddock.daemon.clock import timestamp
from paddock.errors import Cancelled, PaddockError
from paddock.http import refusing
from paddock.http.accounting import Account
from paddock.http.auth import HOLDER
from paddock.http.front import Route
from paddock.http.own_replies import OwnReply
from paddock.http.receiving import HeldBodies

if TYPE_CHECKING:
    from paddock.cluster.front.front import StableFront
    from paddock.daemon.activity.metrics import Metrics
    from paddock.daemon.keyring import Holder

_CLIENT_LEFT = 499  # nginx's number for it, in metrics and logs only
_CLIENT_LETTERS = 40
_tickets = count(1)


def next_ticket() -> int:
    """The number of a request here."""
    return next(_tickets)


def count_use(metrics: "Metrics", holder: "Holder", account: Account) -> None:
    """A request that its key admitted is over: what it has used, if it reached a model."""
    holder.leave()
    if account.granted and (tokens := account.usage.read()) is not None:
        holder.spend(tokens.prompt + tokens.answer)
        metrics.used(
            holder.name,
            prompt=tokens.prompt,
            generated=tokens.answer,
            seconds=monotonic() - account.granted,
        )


class Passage:
    """What one client asked, what it was answered, and what is known of that."""

    __slots__ = (
        "account",
        "bodies",
        "cancelled",
        "front",
        "holder",
        "is_admitted",
        "request",
        "response",
        "route",
        "stream",
        "ticket",
    )

    def __init__(
        self,
        front: "StableFront",
        request: web.Request,
        route: Route,
        begun: BegunRequest | None = None,
    ) -> None:
        """`begun`: how far it came without a handler."""
        self.front, self.request, self.route = front, request, route
        self.bodies = HeldBodies(front.receiver)
        self.account = begun.account if begun else Account(route.surface.name)
        self.holder: Holder | None = request.get(HOLDER)
        self.is_admitted = begun is not None
        self.ticket = begun.ticket if begun else next_ticket()
        self.stream: NodeStream | None = None  # once something may be relayed
        self.response: web.StreamResponse | None = None
        self.cancelled = ""  # why, once somebody wants it to end

    @property
    def answer(self) -> web.StreamResponse:
        """What the handler gives to aiohttp, after the block."""
        assert self.response is not None, "every way through the block sets one"
        return self.response

    async def __aenter__(self) -> "Passage":
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> bool:
        status, outcome = _CLIENT_LEFT, "left"
        try:
            error = self._left(error)
            if isinstance(error, PaddockError):
                status, outcome = error.status, error.code
                self.response = await self._refused(error)
                return True
            if error is None:
                await self._deliver(self.answer)
                status, outcome = self.answer.status, "done"
            return False
        finally:
            self.bodies.release()
            self.account.close(self.front.metrics, status, outcome)
            self._count()

    def begin(self, model: str) -> None:
        """Its model is known now. Raises KeyBusy or TokensSpent, where it may be of use to a model."""
        self.account.profile = model
        if self.holder is not None and self.request.method == "POST":
            self.holder.admit()
            self.is_admitted = True

    # ---- while no node has it ----

    def wait(self) -> None:
        """List it as one that waits: no node knows of it."""
        self.front.stable.waiting[self.ticket] = RequestInfo(
            id=self.ticket * STRIDE,
            profile=self.account.profile,
            surface=self.route.surface.name,
            client=self.request.headers.get(hdrs.USER_AGENT, "").split(" ")[0][:_CLIENT_LETTERS],
            since=timestamp(),
        )
        self.front.waiting[self.ticket] = self

    def wait_no_more(self) -> None:
        """A node has it, or it is over."""
        self.front.stable.waiting.pop(self.ticket, None)
        self.front.waiting.pop(self.ticket, None)

    def cancel(self, why: str) -> None:
        """End it, for its client too."""
        self.cancelled = why
        if self.request.task is not None:
            self.request.task.cancel()

    # ---- the end ----

    def _left(self, error: BaseException | None) -> BaseException | None:
        """An order to end this request becomes the refusal that its client hears."""
        self.wait_no_more()
        if self.cancelled and isinstance(error, asyncio.CancelledError):
            task = asyncio.current_task()
            if task is not None and task.uncancel() == 0:
                return Cancelled(self.cancelled)
        return error

    def _count(self) -> None:
        """What it has used, if it reached a model."""
        if self.holder is not None and self.is_admitted:
            count_use(self.front.metrics, self.holder, self.account)

    async def _deliver(self, response: web.StreamResponse) -> None:
        with suppress(ConnectionError):  # it left; aiohttp finds that out itself
            if isinstance(response, OwnReply) and response.sent(self.request):
                return
            await response.prepare(self.request)
            await response.write_eof()

    async def _refused(self, error: PaddockError) -> web.StreamResponse:
        if self.stream is not None and self.stream.response is not None:
            return await self.stream.break_off(error, error.status)
        return refusing.refusal(error, self.route.surface, self.request)
