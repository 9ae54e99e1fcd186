"""One request from its arrival to its line in the log: whatever becomes of it, its client hears it once.

    async with Exchange(front, request, route) as exchange:
        …
        exchange.response = await Relay(exchange, call).through(lease)
    return exchange.answer

A PaddockError inside the block becomes a refusal in the client's own language.
"""

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING, cast

from aiohttp import web

from paddock.errors import Cancelled, PaddockError
from paddock.http import refusing
from paddock.http.accounting import Account
from paddock.http.auth import HOLDER
from paddock.http.downstream import Downstream
from paddock.http.front import Front, Route
from paddock.http.own_replies import OwnReply, StreamedReply, WholeReply
from paddock.http.receiving import HeldBodies

if TYPE_CHECKING:
    from paddock.daemon.activity.requests import Request
    from paddock.daemon.keyring import Holder

_CLIENT_LEFT = 499  # nginx's number for it, in metrics and logs only
# By type: aiohttp's replies are mappings, of which `isinstance` takes a µs.
_OWN = frozenset({WholeReply, StreamedReply})


class Exchange:
    """What one client asked, what it was answered, and what is known of that."""

    __slots__ = (
        "account",
        "bodies",
        "downstream",
        "front",
        "holder",
        "is_admitted",
        "listed",
        "request",
        "response",
        "route",
    )

    def __init__(self, front: Front, request: web.Request, route: Route) -> None:
        self.front = front
        self.request = request
        self.route = route
        self.bodies = HeldBodies(front.receiver)
        self.account = Account(route.surface.name)
        self.holder: Holder | None = request.get(HOLDER)  # whose key it came with
        self.is_admitted = False  # it counts for the limits of that key, once its model is known
        self.listed: Request | None = None  # once it was let in
        self.downstream: Downstream | None = None  # once something may be relayed
        self.response: web.StreamResponse | None = None

    @property
    def answer(self) -> web.StreamResponse:
        """What the handler gives to aiohttp, after the block."""
        assert self.response is not None, "every way through the block sets one"
        return self.response

    async def __aenter__(self) -> "Exchange":
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
                refused = await refusing.explained(error, self.front.daemon, self.account)
                refused = self.front.redacted(self.request, refused)
                status, outcome = refused.status, refused.code
                self.response = await self._refused(refused)
                return True
            if error is None:
                answer = self.answer
                await self._deliver(answer)
                status, outcome = answer.status, "done"
            return False
        finally:
            self.bodies.release()
            self.account.close(self.front.daemon.metrics, status, outcome)
            self._count(has_left=status == _CLIENT_LEFT)

    def begin(self, profile: str) -> None:
        """Its model is known now. Raises KeyBusy or TokensSpent, where it may be of use to a model."""
        self.account.profile = profile
        if (holder := self.holder) is not None and self.request.method == "POST":
            holder.admit()
            self.is_admitted = True

    def _count(self, *, has_left: bool) -> None:
        """What it has used, if it reached its model."""
        if self.holder is not None and self.is_admitted:
            self.holder.leave()
        if self.account.granted:
            generates = has_left and self.route.streams
            use = self.account.used(self.listed, generates=generates)
            self.front.daemon.usage_log.note(self.holder, self.account.profile, use)

    def _left(self, error: BaseException | None) -> BaseException | None:
        """Off the list; an order to end this request becomes the refusal that its client hears."""
        if (listed := self.listed) is None:
            return error
        self.front.daemon.requests.leave(listed)
        if listed.cancelled and isinstance(error, asyncio.CancelledError):
            task = asyncio.current_task()
            if task is not None and task.uncancel() == 0:
                return Cancelled(listed.cancelled)
        return error

    async def _deliver(self, response: web.StreamResponse) -> None:
        """Send it now: else the client would wait until its line was written, some 25 µs."""
        try:
            if type(response) in _OWN and cast("OwnReply", response).sent(self.request):
                return
            await response.prepare(self.request)
            await response.write_eof()
        except ConnectionError:
            pass  # it left; aiohttp finds that out itself

    async def _refused(self, error: PaddockError) -> web.StreamResponse:
        if self.downstream is not None and self.downstream.response is not None:
            return await self.downstream.break_off(error, error.status)
        response = refusing.refusal(error, self.route.surface, self.request)
        if self.account.profile:
            response.headers["x-paddock-profile"] = self.account.profile
        return response
