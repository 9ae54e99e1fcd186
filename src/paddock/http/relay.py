"""The hot path: a request in, a lease, the instance's reply out, byte for byte.

Invariants: nothing is said to the client before admission, save signs of life after a long wait;
the lease ends when the block is left, by end, error or hang-up; leaving early closes the upstream
connection, because only that stops llama-server's generation.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from paddock.errors import Cancelled, PaddockError, UpstreamGone
from paddock.http import errors, resent, sampling, streams, upstream
from paddock.http.accounting import Account
from paddock.http.content import Content
from paddock.http.front import Front, Route
from paddock.http.interpreter import Interpreter
from paddock.http.receiving import Held
from paddock.http.surfaces import UPSTREAM, describe

if TYPE_CHECKING:
    from paddock.config.profile import Profile
    from paddock.daemon.activity.requests import Request
    from paddock.daemon.instances.endpoint import Endpoint
    from paddock.daemon.lease import Lease
    from paddock.http.body import Wish

_AT_ONCE = 1 << 20  # bytes; a reply of known length up to here is relayed in one piece
_CLIENT_LEFT = 499  # nginx's number for it, in metrics and logs only


class Exchange:
    """One relayed request: what the client has heard so far, and what came of it."""

    __slots__ = (
        "_account",
        "_last",
        "_listed",
        "_mark",
        "bodies",
        "front",
        "instance",
        "interpreter",
        "profile",
        "request",
        "response",
        "route",
        "sampling",
        "streams",
    )

    def __init__(self, front: Front, request: web.Request, route: Route) -> None:
        self.front = front
        self.request = request
        self.route = route
        self.profile = ""
        self.instance = ""
        self.streams = False
        self.response: web.StreamResponse | None = None  # once headers are out
        self.interpreter: Interpreter | None = None  # where llama-server does not speak this API
        self.bodies = Held(front.receiver)
        self.sampling = sampling.NOTHING_SAID
        self._mark: int | None = None
        self._last = b""  # what was relayed last
        self._listed: Request | None = None  # once it was let in
        self._account = Account()

    async def accounted(
        self, relayed: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Run the exchange, turn its refusal into the client's language, and write its one line."""
        status, outcome = _CLIENT_LEFT, "left"
        try:
            response = await self._cancellable(relayed)
            await self._delivered(response)
            status, outcome = response.status, "done"
        except PaddockError as caught:
            error = await self._explained(caught)
            status, outcome = error.status, error.code
            response = await self._refused(error)
        finally:
            self.bodies.release()
            self._account.close(self, status, outcome)
        return response

    async def _cancellable(
        self, relayed: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Run it; an order to end this request becomes the refusal that its client hears."""
        try:
            return await relayed()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._listed and self._listed.cancelled and task and task.uncancel() == 0:
                raise Cancelled(self._listed.cancelled) from None
            raise
        finally:
            if self._listed:
                self.front.daemon.requests.leave(self._listed)

    async def _delivered(self, response: web.StreamResponse) -> None:
        """Send it now: else the client would wait until its line was written, some 25 µs."""
        with suppress(ConnectionError):  # it left; aiohttp finds that out itself
            await response.prepare(self.request)
            await response.write_eof()

    async def prepared(self, profile: "Profile", wish: "Wish", content: Content) -> Content:
        """The body with the samplers that hold; what it is a second copy of is over by then."""
        self.sampling = self.front.samplers.ruled(profile, wish)
        if vain := self.sampling.overruled:
            async with self.bodies.outlined(content) as view:
                content = await self.bodies.changed(content, sampling.without(view, vain))
        self._mark = resent.mark_of(self.request, profile.id, content)
        await resent.supersede(self.front, self.request, self._mark)
        return content

    async def through(
        self, lease: "Lease", path: str, content: upstream.Body
    ) -> web.StreamResponse:
        """Wait for admission, ask the instance, relay its reply."""
        endpoint = await self.admitted(lease)
        with endpoint.in_use():
            reply = await self._asked(lease, endpoint, path, content)
            if self._listed:
                self._listed.source = reply.content
            try:
                return await self._relay(endpoint, reply)
            finally:
                reply.close()  # a connection whose reply was read to its end is in the pool by now

    async def admitted(self, lease: "Lease") -> "Endpoint":
        """Wait until the lease is granted, with signs of life where the client can take them."""
        self._listed = listed = self.front.daemon.requests.enter(
            self.profile,
            self.route.surface.name,
            self.request.headers.get("User-Agent", ""),
            generates=self.request.method == "POST",
        )
        listed.reader = self.request.protocol
        if self._mark is not None:
            self.front.daemon.requests.mark(listed, self._mark)
        if self.streams:
            listed.conversation = self.request.headers.get(streams.ID_HEADER, "")
        listed.samplers, listed.overruled = self.sampling.in_effect, self.sampling.overruled
        endpoint = lease.endpoint
        if endpoint is None:
            endpoint = await streams.patiently(self.request, listed, lambda: self._waited(lease))
        self._account.granted = monotonic()
        if self.interpreter:
            self.interpreter.granted()
        self.instance = listed.instance = endpoint.instance
        return endpoint

    async def _waited(self, lease: "Lease") -> "Endpoint":
        settings = self.front.settings
        first = settings.keep_alive_after if self.streams else settings.keep_alive_after_plain
        patience = first if self.route.surface is not UPSTREAM else None
        while not await lease.wait(patience):
            await self._beat(lease)
            patience = settings.keep_alive_every
        assert lease.endpoint is not None, "a granted lease has an endpoint"
        return lease.endpoint

    async def _asked(
        self, lease: "Lease", endpoint: "Endpoint", path: str, content: upstream.Body
    ) -> aiohttp.ClientResponse:
        """The reply's beginning; a client that was kept alive so far is not left alone now."""
        headers = upstream.request_headers(self.request.headers)
        if self.route.surface is UPSTREAM:  # llama-server's page comes compressed or not at all
            headers["Accept-Encoding"] = self.request.headers.get("Accept-Encoding", "identity")
        if self.interpreter:
            headers |= {"Content-Type": "application/json", "Accept": "*/*"}
        asking = upstream.ask(endpoint, self.request.method, path, headers, content)
        listed = self._let_in
        if self.response is None and not listed.conversation:
            return await asking
        task = asyncio.ensure_future(asking)
        try:
            return await streams.patiently(
                self.request, listed, lambda: self._answered(lease, task)
            )
        finally:
            task.cancel()
            if listed.cancelled and listed.conversation:  # no hang-up would end it
                await streams.end(endpoint, listed.conversation)

    async def _answered(
        self, lease: "Lease", task: "asyncio.Future[aiohttp.ClientResponse]"
    ) -> aiohttp.ClientResponse:
        pause = None if self.response is None else self.front.settings.keep_alive_every
        while not (await asyncio.wait((task,), timeout=pause))[0]:
            await self._beat(lease)
        return task.result()

    @property
    def _let_in(self) -> "Request":
        assert self._listed is not None, "who is served was let in"
        return self._listed

    async def _beat(self, lease: "Lease") -> None:
        """A sign of life; the first one sends the headers, for better or worse."""
        if streams.outlives(self.request, self._let_in):
            return  # nobody is there to see it
        text = describe(self.profile, lease.progress)
        response = self.response or await self._begun()
        beat = (self.interpreter or self.route.surface).beat
        await response.write(beat(text) if self.streams else b" ")

    async def _begun(self) -> web.StreamResponse:
        return await self._open(web.StreamResponse(headers=self._own_headers()))

    def _own_headers(self) -> dict[str, str]:
        """Of a reply that is not the instance's own."""
        kind = "text/event-stream" if self.streams else "application/json"
        headers = {"content-type": self.interpreter.media if self.interpreter else kind}
        headers |= {"x-paddock-profile": self.profile, **self.sampling.headers}
        if self.instance:
            headers["x-paddock-instance"] = self.instance
        if self._account.ignored:
            headers["x-paddock-ignored"] = ", ".join(self._account.ignored)
        return headers

    async def _open(self, response: web.StreamResponse) -> web.StreamResponse:
        if self.streams:  # nginx and its like would hold a stream back
            response.headers["x-accel-buffering"] = "no"
            response.headers.setdefault("cache-control", "no-cache")
        await response.prepare(self.request)
        self.response = response
        self._account.first = self._account.first or monotonic()
        return response

    async def _relay(
        self, endpoint: "Endpoint", reply: aiohttp.ClientResponse
    ) -> web.StreamResponse:
        is_refused = reply.status >= 400
        if is_refused and (self.response is not None or self.route.surface.translates):
            return await self._engine_refused(endpoint, reply)
        if self.interpreter and not is_refused:
            return await self._interpreted(endpoint, reply, self.interpreter)
        if self.response is None and (reply.content_length or _AT_ONCE) < _AT_ONCE:
            return await self._in_one_piece(endpoint, reply)
        return await self._piped(endpoint, reply)

    def _reply_headers(
        self, reply: aiohttp.ClientResponse, endpoint: "Endpoint"
    ) -> CIMultiDict[str]:
        headers = upstream.reply_headers(reply, endpoint)
        headers.update(self.sampling.headers)
        return headers

    async def _in_one_piece(
        self, endpoint: "Endpoint", reply: aiohttp.ClientResponse
    ) -> web.StreamResponse:
        """Nothing is said before all is here, so that an instance's death is a proper 502."""
        headers, status = self._reply_headers(reply, endpoint), reply.status
        content = await upstream.whole(reply, endpoint)
        self._account.first = monotonic()
        if status >= 500 and (final := self.route.surface.final):
            # An image for a model without eyes is a 500 (build 11434): it will be so every time.
            status, headers["x-should-retry"] = final, "false"
        return web.Response(status=status, headers=headers, body=content)

    async def _piped(
        self, endpoint: "Endpoint", reply: aiohttp.ClientResponse
    ) -> web.StreamResponse:
        response, listed = self.response, self._let_in
        try:
            if response is None:
                headers = self._reply_headers(reply, endpoint)
                response = web.StreamResponse(status=reply.status, headers=headers)
                await self._open(response)
            while chunk := await upstream.some(reply, endpoint):
                listed.has_begun = True
                await response.write(chunk)
                self._last = chunk
        except (asyncio.CancelledError, ConnectionError):
            if self.streams:
                await streams.outlive(self.request, listed, endpoint, reply)
            raise
        await response.write_eof()
        return response

    async def _interpreted(
        self, endpoint: "Endpoint", reply: aiohttp.ClientResponse, interpreter: Interpreter
    ) -> web.StreamResponse:
        listed = self._let_in
        while chunk := await upstream.some(reply, endpoint):
            listed.has_begun = True
            if said := interpreter.hear(chunk):
                self._last = said
                await (self.response or await self._begun()).write(said)
        return await self.told(interpreter.end())

    async def told(self, last: bytes) -> web.StreamResponse:
        """The reply with its last words, which are all of it where nothing was said before."""
        if self.response is None:
            return web.Response(body=last, headers=self._own_headers())
        await self.response.write(last)
        await self.response.write_eof()
        return self.response

    def note_ignored(self, names: Iterable[str]) -> None:
        """What the client asked for in vain; it is told in a header, and in the log."""
        self._account.ignored = tuple(dict.fromkeys(names))

    async def _engine_refused(
        self, endpoint: "Endpoint", reply: aiohttp.ClientResponse
    ) -> web.StreamResponse:
        """llama-server says no, in its own shape; the client hears it in the one it knows."""
        error = errors.engine_refusal(await upstream.whole(reply, endpoint))
        if self.response is not None:
            return await self._broken(self.response, error, reply.status)
        surface = self.route.surface
        response = errors.refusal(error, surface.shape, surface.status(error, reply.status))
        response.headers["x-paddock-profile"] = self.profile
        response.headers["x-paddock-instance"] = self.instance
        return response

    async def _explained(self, error: PaddockError) -> PaddockError:
        """A crash after which the profile is held back is final: to ask again is in vain."""
        if type(error) is UpstreamGone and self.instance:
            return await self.front.daemon.held_back(self.profile, self.instance) or error
        return error

    async def _refused(self, error: PaddockError) -> web.StreamResponse:
        if self.response is not None:
            return await self._broken(self.response, error, error.status)
        surface = self.route.surface
        response = errors.refusal(error, surface.shape, surface.status(error, error.status))
        if self.profile:
            response.headers["x-paddock-profile"] = self.profile
        return response

    async def _broken(
        self, response: web.StreamResponse, error: PaddockError, status: int
    ) -> web.StreamResponse:
        """Say in-band what went wrong; where that is impossible, let the reply be seen torn."""
        surface = self.route.surface
        document = surface.shape(error, surface.status(error, status))
        if self.streams:
            open_event = self._last and not self._last.endswith(surface.gap)
            await response.write(surface.gap * bool(open_event) + surface.event(document))
        elif not self._last:  # only white space so far
            await response.write(document)
        else:
            if self.request.transport is not None:
                self.request.transport.abort()
            return response
        await response.write_eof()
        return response
