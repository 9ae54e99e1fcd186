"""What the client of one call hears: a head once, then pieces and signs of life, an end or an error."""

from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, cast

from aiohttp import web
from aiohttp.http_writer import StreamWriter
from multidict import CIMultiDict

from paddock.errors import PaddockError
from paddock.http import upstream
from paddock.http.accounting import Account
from paddock.http.call import RelayedCall
from paddock.http.client_link import link_of
from paddock.http.own_replies import EMPTY, StreamedReply, head_of, is_plain
from paddock.http.surfaces import Surface
from paddock.llama.reply import Reply

if TYPE_CHECKING:
    from paddock.daemon.activity.requests import Request


_OK = 200
_REFUSED = 400  # and what is above: statuses that may be put in other words
_END = b"\r\n0\r\n\r\n"  # of a last chunk


class Downstream:
    """The way to the client. An `Outlet` of replies: pieces go on within the call that read them."""

    __slots__ = (
        "_account",
        "_call",
        "_has_heard",
        "_hear",
        "_is_chunked",
        "_is_ours",
        "_is_plain",
        "_link",
        "_request",
        "_surface",
        "_writer",
        "is_open",
        "last",
        "listed",
        "response",
        "sampling",
    )

    def __init__(
        self, request: web.Request, surface: Surface, call: RelayedCall, account: Account
    ) -> None:
        self.response: web.StreamResponse | None = None  # once its head is out
        self.is_open = False  # for a reply that is poured before its handler knows of it
        self.last = b""  # what was relayed last
        self.listed: Request | None = None  # once it was let in
        self.sampling = call.prompt.sampling  # as its instance has it, once that is known
        self._call = call
        self._account = account
        self._hear: Callable[[bytes], None] = self._account.usage.hear
        self._has_heard = False
        self._request = request
        self._surface = surface
        self._link = link_of(request)
        self._writer: StreamWriter | None = None
        self._is_chunked = False
        self._is_ours = False  # its head, and not the instance's own
        self._is_plain = is_plain(request)

    def fits(self, status: int) -> bool:
        """Whether a reply with this status can have a head that is made here, see `own_replies`."""
        return self._is_plain and status not in EMPTY

    # ---- the head ----

    def opens(self, reply: Reply) -> bool:
        """Begin, in the very call that read the reply's head, where it is relayed as it comes.

        Whoever asked would do so a turn of the loop later, in which all others are served.
        """
        is_relayed = reply.status < _REFUSED and reply.length is None and self.response is None
        if not is_relayed or self._call.interpreter or not self.fits(reply.status):
            return False
        with suppress(ConnectionError, ValueError):  # its handler will find the same
            self._begin_at_once(reply.status, self.head_of(reply), alone=not reply.has_more)
            self.is_open = True
        if self.listed is not None:
            self.listed.source = reply
        return self.is_open

    def headers_of(self, reply: Reply) -> CIMultiDict[str]:
        """What the client sees of the reply's headers, and who gave it."""
        headers = upstream.reply_headers(reply, self._call.profile, self._account.instance)
        headers.update(self.sampling.headers)
        return headers

    def head_of(self, reply: Reply) -> bytes:
        """The same as bytes, for a reply whose head is made here."""
        return upstream.reply_head(
            reply,
            self._call.profile,
            self._account.instance,
            self.sampling.headers,
            steady=self._call.streams,
        )

    async def begin(self, reply: Reply) -> None:
        """Send the reply's head; with what follows, where that is here."""
        alone = not reply.has_more
        if reply.length is None and self.fits(reply.status):
            self._begin_at_once(reply.status, self.head_of(reply), alone=alone)
        else:
            await self._begin_as_aiohttp(reply.status, self.headers_of(reply), alone=alone)

    async def _begin_as_aiohttp(
        self, status: int, headers: CIMultiDict[str], *, alone: bool
    ) -> None:
        if self._call.streams:
            upstream.steadied(headers)
        response = web.StreamResponse(status=status, headers=headers)
        response._send_headers_immediately = alone
        self._begun_with(response, cast("StreamWriter", await response.prepare(self._request)))

    def _begin_at_once(self, status: int, head: bytes, *, alone: bool) -> None:
        response = StreamedReply(status, head)
        writer = response.begin(self._request)
        if alone:
            writer.send_headers()
        self._begun_with(response, writer)

    def _begun_with(self, response: web.StreamResponse, writer: StreamWriter) -> None:
        self.response, self._writer, self._is_chunked = response, writer, writer.chunked
        self._account.first = self._account.first or monotonic()

    async def _begun(self) -> web.StreamResponse:
        if self.response is None:
            self._is_ours = True
            if self.fits(_OK):
                self._begin_at_once(_OK, self._own_head(), alone=True)
            else:
                await self._begin_as_aiohttp(_OK, CIMultiDict(self._own_headers()), alone=True)
        assert self.response is not None, "its head is out"
        return self.response

    def _own_head(self) -> bytes:
        headers = CIMultiDict(self._own_headers())
        if self._call.streams:
            upstream.steadied(headers)
        return head_of(_OK, headers)

    def _own_headers(self) -> dict[str, str]:
        """Of a reply that is not the instance's own."""
        call, account = self._call, self._account
        kind = "text/event-stream" if call.streams else "application/json"
        headers = {"content-type": call.interpreter.media if call.interpreter else kind}
        headers |= {"x-paddock-profile": call.profile, **self.sampling.headers}
        if account.instance:
            headers["x-paddock-instance"] = account.instance
        if call.ignored:
            headers["x-paddock-ignored"] = ", ".join(call.ignored)
        return headers

    # ---- what follows ----

    async def beat(self, text: str) -> None:
        """A sign of life; the first one sends the head, for better or worse."""
        response = await self._begun()
        await response.write(self._sign(text))

    def _sign(self, text: str) -> bytes:
        beat = (self._call.interpreter or self._surface).beat
        return beat(text) if self._call.streams else b" "

    def pulse(self, text: str, *, may_begin: bool) -> None:
        """A sign of life at once, where one may stand; the head before it only if it may begin."""
        if self._link.transport is None or self._link.transport.is_closing():
            return
        if self.response is None:
            if not may_begin or not self.fits(_OK):
                return
            self._is_ours = True
            self._begin_at_once(_OK, self._own_head(), alone=True)
        if self._is_between and not self._link.writing_paused:
            with suppress(ConnectionError):  # its handler finds the same
                self._write(self._sign(text), is_last=False)

    @property
    def _is_between(self) -> bool:
        """Whether what was said so far ends an event, or is nothing yet but what we said."""
        assert self.response is not None, "its head is out"
        if self._writer is None or self._writer._eof or self.response.status >= _REFUSED:
            return False
        if not self._call.streams:
            return self._is_ours and not self.last
        return not self.last or self.last.endswith(self._surface.gap)

    async def say(self, words: bytes) -> None:
        """A piece of what an interpreter makes of the reply."""
        self.last = words
        await (await self._begun()).write(words)

    def take(self, piece: bytes, *, is_last: bool) -> bool:
        """Send a piece of the reply on. Whether more may come at once.

        aiohttp's own `write` is a coroutine that never waits below its high-water mark; this is what
        it does.
        """
        self.last = piece
        if self._has_heard:
            self._hear(piece)
        else:
            self._note_first(piece)
        try:
            self._write(piece, is_last=is_last)
        except ConnectionError:
            return False  # `drained` says so
        return not self._link.writing_paused

    def _note_first(self, piece: bytes) -> None:
        self._has_heard = True
        self._hear(piece)
        self._hear = self._account.usage.further()
        if self.listed is not None:
            self.listed.has_begun = True

    def _write(self, piece: bytes, *, is_last: bool) -> None:
        writer = self._writer
        assert writer is not None, "its head was made"
        if writer._headers_buf:
            writer._send_headers_with_payload(piece, is_last)
        elif self._is_chunked:
            end = _END if is_last else b"\r\n"
            writer._write(b"%x\r\n%b%b" % (len(piece), piece, end))
        else:
            writer._write(piece)
        writer._eof = is_last

    async def drained(self) -> None:
        """Until the client takes more. ConnectionError where it has left."""
        await self._link.drained()

    async def end(self, last: bytes = b"") -> web.StreamResponse:
        """The reply with its last words, which are all of it where nothing was said before."""
        if self.response is None:
            return web.Response(body=last, headers=self._own_headers())
        if isinstance(self.response, StreamedReply) and self._writer and self._writer._eof:
            self.response.note_end()  # nearly always: the end came with the last piece
            return self.response
        if last:
            await self.response.write(last)
        await self.response.write_eof()
        return self.response

    async def break_off(self, error: PaddockError, status: int) -> web.StreamResponse:
        """Say in-band what went wrong; where that is impossible, let the reply be seen torn."""
        response, surface = await self._begun(), self._surface
        document = surface.shape(error, surface.status(error, status))
        if self._call.streams:
            open_event = self.last and not self.last.endswith(surface.gap)
            await response.write(surface.gap * bool(open_event) + surface.event(document))
        elif not self.last:  # only white space so far
            await response.write(document)
        else:
            self._link.abort()
            return response
        await response.write_eof()
        return response
