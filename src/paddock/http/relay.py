"""The hot path: a resolved call in, a lease, the instance's reply out, byte for byte.

Invariants: nothing is said to the client before admission, save signs of life after a long wait;
the lease ends when its block is left, by end, error or hang-up; leaving early closes the upstream
connection, because only that stops llama-server's generation.
"""

import asyncio
from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from paddock.http import errors, refusing, streams, upstream
from paddock.http.call import RelayedCall
from paddock.http.downstream import Downstream
from paddock.http.exchange import Exchange
from paddock.http.interpreting import interpret
from paddock.http.own_replies import WholeReply
from paddock.http.pulse import Pulse
from paddock.http.surfaces import UPSTREAM, describe
from paddock.llama.reply import Reply

if TYPE_CHECKING:
    from paddock.daemon.activity.requests import Request
    from paddock.daemon.instances.endpoint import Endpoint
    from paddock.daemon.lease import Lease

_FAULT, _LONG = 500, 1 << 12  # bytes; what llama-server says of a fault is shorter
_POOL_IS_FULL = b"Context size has been exceeded"
_TURNS = 3  # tries of a request alone; others may come in between
_AT_ONCE = 1 << 20  # bytes; a reply of known length up to here is relayed in one piece


class Relay:
    """Has one call served, inside the block of its exchange."""

    __slots__ = ("_account", "_call", "_exchange", "_request", "_surface", "downstream")

    def __init__(self, exchange: Exchange, call: RelayedCall) -> None:
        self._exchange, self._call = exchange, call
        self._request, self._surface = exchange.request, exchange.route.surface
        self._account = exchange.account
        self.downstream = exchange.downstream = Downstream(
            self._request, self._surface, call, self._account
        )
        self._account.call = call

    async def through(self, lease: "Lease") -> web.StreamResponse:
        """Wait for admission, ask the instance, relay its reply."""
        endpoint = await self.admitted(lease)
        pulse = self._pulse(lease)
        try:
            with endpoint.in_use(self._request.task):
                reply = await self._asked(lease, endpoint)
                for _ in range(_TURNS):
                    if reply.status != _FAULT or not await self._is_crowded_out(endpoint, reply):
                        break
                    async with endpoint.turn:
                        reply = await self._asked(lease, endpoint)
                        if not await self._is_crowded_out(endpoint, reply):
                            return await self._said(endpoint, reply, pulse)
                return await self._said(endpoint, reply, pulse)
        finally:
            pulse.stop()

    async def _said(self, endpoint: "Endpoint", reply: Reply, pulse: Pulse) -> web.StreamResponse:
        pulse.may_begin = self._call.interpreter is not None and reply.status < 400
        self._listed.source = reply
        try:
            return await self._relayed(endpoint, reply)
        finally:
            reply.close()  # where it was read to its end, its connection is kept

    async def _is_crowded_out(self, endpoint: "Endpoint", reply: Reply) -> bool:
        """Whether it failed only because others were served beside it.

        Slots share one pool of tokens by default, and where it is full llama-server (11434, 11549) ends all
        that it serves. One after the other they fit.
        """
        if reply.status != _FAULT or not endpoint.is_shared or (reply.length or _LONG) >= _LONG:
            return False
        return _POOL_IS_FULL in await upstream.peek(reply, endpoint)

    def _pulse(self, lease: "Lease") -> Pulse:
        """Whoever was let in is not left alone while its prompt waits for a slot, or is read."""
        every = self._exchange.front.settings.keep_alive_every
        heart = self._exchange.front.heart
        pulse = Pulse(heart, self.downstream, every, self._call.profile, lease)
        if (patience := self._patience) is not None:
            pulse.start(patience)
        return pulse

    @property
    def _patience(self) -> float | None:
        """Seconds after which its client hears of us; None: never."""
        settings = self._exchange.front.settings
        if self._surface is UPSTREAM:
            return None
        if self.downstream.response is not None:
            return settings.keep_alive_every
        streams_to = self._call.streams
        return settings.keep_alive_after if streams_to else settings.keep_alive_after_plain

    async def admitted(self, lease: "Lease") -> "Endpoint":
        """Wait until the lease is granted, with signs of life where the client can take them."""
        listed = self._exchange.listed = self.downstream.listed = self._enter()
        endpoint = lease.endpoint
        if endpoint is None:
            endpoint = await streams.patiently(self._request, listed, lambda: self._waited(lease))
        self._account.granted = monotonic()
        if self._call.interpreter:
            self._call.interpreter.granted()
        self._account.instance = listed.instance = endpoint.instance
        ruled = self.downstream.sampling = self.downstream.sampling.served_by(endpoint.samplers)
        listed.samplers = ruled.in_effect
        return endpoint

    def _enter(self) -> "Request":
        """On the list of requests in flight."""
        requests, prompt = self._exchange.front.daemon.requests, self._call.prompt
        headers = self._request.headers
        listed = requests.enter(
            self._call.profile,
            self._surface.name,
            headers.get(hdrs.USER_AGENT, ""),
            generates=self._request.method == "POST",
            served_by=self._request.task,
        )
        listed.reader = self._request.protocol
        if prompt.mark is not None:
            requests.mark(listed, prompt.mark)
        if self._call.streams:
            listed.conversation = headers.get(streams.ID_HEADER, "")
        listed.samplers, listed.overruled = prompt.sampling.in_effect, prompt.sampling.overruled
        return listed

    async def _waited(self, lease: "Lease") -> "Endpoint":
        patience = self._patience
        while not await lease.wait(patience):
            await self._beat(lease)
            patience = self._patience
        assert lease.endpoint is not None, "a granted lease has an endpoint"
        return lease.endpoint

    async def _asked(self, lease: "Lease", endpoint: "Endpoint") -> Reply:
        """The reply's beginning. What the pulse cannot begin, or must outlive its client, is begun here."""
        call, listed = self._call, self._listed
        asked = self._request.method, call.path, self._headers(), call.prompt.body
        begins = self.downstream.response is not None or self.downstream.fits(200)
        if (begins or self._patience is None) and not listed.conversation:
            return await upstream.ask(endpoint, *asked, self.downstream)
        task = asyncio.ensure_future(upstream.ask(endpoint, *asked))
        try:
            return await streams.patiently(
                self._request, listed, lambda: self._answered(lease, task)
            )
        except BaseException:
            task.cancel()
            task.add_done_callback(_leave)
            raise
        finally:
            if listed.cancelled and listed.conversation:  # no hang-up would end it
                await streams.end(endpoint, listed.conversation)

    def _headers(self) -> Mapping[str, str]:
        headers = upstream.request_headers(self._request)
        if self._surface is UPSTREAM:  # llama-server's page comes compressed or not at all
            coding = self._request.headers.get("Accept-Encoding", "identity")
            return {**headers, "Accept-Encoding": coding}
        if self._call.interpreter:
            return {**headers, "Content-Type": "application/json", "Accept": "*/*"}
        return headers

    async def _answered(self, lease: "Lease", task: "asyncio.Future[Reply]") -> Reply:
        while self.downstream.response is None:
            if (await asyncio.wait((task,), timeout=self._patience))[0]:
                return task.result()
            await self._beat(lease)  # the pulse goes on
        await asyncio.wait((task,))
        return task.result()

    @property
    def _listed(self) -> "Request":
        assert self._exchange.listed is not None, "a request is listed before it is served"
        return self._exchange.listed

    async def _beat(self, lease: "Lease") -> None:
        if not streams.outlives(self._request, self._listed):  # else nobody is there to see it
            await self.downstream.beat(describe(self._call.profile, lease.progress))

    # ---- the reply ----

    async def _relayed(self, endpoint: "Endpoint", reply: Reply) -> web.StreamResponse:
        if self.downstream.is_open:
            if reply.was_poured:  # nearly always, where a stream came at once
                return await self.downstream.end()
            return await self._piped(endpoint, reply)
        is_refused, nothing_said = reply.status >= 400, self.downstream.response is None
        if is_refused and (self._surface.translates or not nothing_said):
            return await self._engine_refused(endpoint, reply)
        if self._call.interpreter and not is_refused:
            return await interpret(
                reply,
                endpoint,
                self._call.interpreter,
                self.downstream,
                self._listed,
                self._account,
            )
        if nothing_said and (reply.length or _AT_ONCE) < _AT_ONCE:
            return await self._in_one_piece(endpoint, reply)
        return await self._piped(endpoint, reply)

    async def _engine_refused(self, endpoint: "Endpoint", reply: Reply) -> web.StreamResponse:
        error = errors.engine_refusal(await upstream.whole(reply, endpoint))
        if self.downstream.response is not None:
            return await self.downstream.break_off(error, reply.status)
        return refusing.engine_refusal(error, reply.status, self._surface, self._account)

    async def _in_one_piece(self, endpoint: "Endpoint", reply: Reply) -> web.StreamResponse:
        """Nothing is said before all is here, so that an instance's death is a proper 502."""
        content = reply.rest() if reply.is_whole else await upstream.whole(reply, endpoint)
        self._account.first = monotonic()
        self._account.usage.hear(content)
        status = reply.status
        if status < 500 and self.downstream.fits(status):  # nearly always
            return WholeReply(status, self.downstream.head_of(reply), content)
        headers = self.downstream.headers_of(reply)
        if status >= 500 and (final := self._surface.final):
            # An image for a model without eyes is a 500 (build 11434): it will be so every time.
            status, headers["x-should-retry"] = final, "false"
        return web.Response(status=status, headers=headers, body=content)

    async def _piped(self, endpoint: "Endpoint", reply: Reply) -> web.StreamResponse:
        """The reply as it comes; back-pressure reaches the instance."""
        downstream = self.downstream
        try:
            if downstream.response is None:
                await downstream.begin(reply)
            while await upstream.pour(reply, endpoint, downstream):
                await downstream.drained()
        except (asyncio.CancelledError, ConnectionError):
            if self._call.streams:
                await streams.outlive(
                    self._request, self._listed, endpoint, reply, self._account.usage
                )
            raise
        return await downstream.end()


def _leave(asking: "asyncio.Future[Reply]") -> None:
    """Close a reply that began in the very moment in which its request was given up."""
    if not asking.cancelled() and asking.exception() is None:
        asking.result().close()
