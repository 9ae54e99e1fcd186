"""aiohttp's handler of a connection, with one task for all its requests instead of a second for each.

A task for each costs two turns of the loop: one until it begins, one until the connection knows that it
has ended. aiohttp makes it so that context variables end with a request; there are none here. The names
with an underscore are aiohttp's own (3.14), and `start` does what its own does.
"""

import asyncio
from contextlib import suppress
from typing import Any

from aiohttp import web
from aiohttp.http_writer import StreamWriter
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import _PAYLOAD_ACCESS_ERROR, ERROR, _ErrInfo


class OneTask(web.RequestHandler):
    """Serves one request after the other."""

    async def start(self) -> None:
        """Until the connection closes, or no other request may come on it."""
        while not self._force_close and await self._serve(*await self._next()):
            pass
        if not self._force_close:
            self._task_handler = None
            if self.transport is not None:
                self.transport.close()

    async def _next(self) -> tuple[Any, StreamReader]:
        """The next request's head, or what is wrong with it, and its body as it comes."""
        if not self._messages:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        message = self._messages.popleft()
        if self._parser is not None:
            self._parser.message_consumed()
        if self._buffer_paused and len(self._messages) <= self._msg_queue_resume_size:
            self._resume_reading_if_drained()
        return message

    async def _serve(self, message: Any, payload: StreamReader) -> bool:
        """Whether another request may follow on this connection."""
        request, handle = self._request_of(message, payload)
        try:
            response, is_lost = await self._answered(request, handle)
            if is_lost:
                return False
            self._keepalive = bool(response.keep_alive)
            if not payload.is_eof():
                await self._linger(payload)
            payload.set_exception(_PAYLOAD_ACCESS_ERROR)
        except ConnectionError:
            return False
        except Exception as error:  # noqa: BLE001  # of this request alone, whatever it is
            self.log_exception("Unhandled exception", exc_info=error)
            self.force_close()
        except BaseException:
            self.force_close()
            raise
        finally:
            request._task = None  # else they would hold each other
        return self._stays_open()

    async def _answered(self, request: Any, handle: Any) -> tuple[web.StreamResponse, bool]:
        """The reply, and whether its client has left. As `_handle_request`, which makes replies of errors."""
        self._request_in_progress, self._current_request = True, request
        try:
            response = await handle(request)
        except Exception as error:  # noqa: BLE001  # aiohttp knows what each is
            return await self._handle_request(request, None, _raising(error))
        finally:
            self._request_in_progress, self._current_request = False, None
            if self._handler_waiter is not None and not self._handler_waiter.done():
                self._handler_waiter.set_result(None)
        if response._eof_sent and not self._upgraded:  # its handler has sent it to its end
            return response, False
        return await self.finish_response(request, response, None)

    def _request_of(self, message: Any, payload: StreamReader) -> tuple[Any, Any]:
        """The request, and whatever handles it."""
        manager, make, handle = self._manager, self._request_factory, self._request_handler
        assert manager is not None, "the connection is open"
        assert make is not None, "the connection is open"
        manager.requests_count += 1
        if isinstance(message, _ErrInfo):
            handle, message = self._make_error_handler(message), ERROR
        task = self._task_handler or asyncio.current_task()
        assert task is not None, "`start` runs in one"
        request: Any = make(message, payload, self, StreamWriter(self, self._loop), task)
        return request, handle

    async def _linger(self, payload: StreamReader) -> None:
        """Read what still comes of a body that was refused: else its client might not read why."""
        if not self._force_close and self._lingering_time:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._lingering_time):
                    while not payload.is_eof():
                        await payload.readany()
        if not payload.is_eof() and not self._force_close:
            self.close()

    def _stays_open(self) -> bool:
        """Whether it waits for another request; from now on, the time of that wait is bounded."""
        if not self._keepalive or self._close or self._force_close:
            return False
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(
                self._next_keepalive_close_time, self._process_keepalive
            )
        return True


def _raising(error: Exception) -> Any:
    """A handler that ends with this error."""

    async def handle(_request: web.BaseRequest) -> web.StreamResponse:
        raise error

    return handle
