"""The bridge behind `paddock mcp`: JSON-RPC lines from stdin, the daemon's messages to stdout.

What needs no daemon is answered here, by the same module as there, so that an agent can start the
bridge before anything runs. Nothing else may ever write to stdout.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from http.client import HTTPResponse
from typing import IO
from uuid import uuid4

from msgspec import Raw

from paddock.api import mcp
from paddock.api.connection import ApiConnection, pieces
from paddock.api.sse import SseMessage, SseParser
from paddock.errors import PaddockError, UpstreamGone

_LAST_WORDS = 1.0  # seconds for calls still running when stdin ends: then the agent is gone


class Bridge:
    """One agent on one side, one daemon, there or not, on the other."""

    def __init__(self, url: str, key: str | None, out: IO[bytes]) -> None:
        self._connection = ApiConnection(url, key)
        self._out, self._lock = out, threading.Lock()
        self._session, self._version = uuid4().hex, mcp.VERSIONS[0]
        self._calls: dict[mcp.Id, threading.Thread] = {}
        self._cancelled: set[mcp.Id] = set()

    def run(self, lines: Iterable[bytes]) -> None:
        """Until stdin ends; a call that still runs then is broken off, and so is its generation."""
        with suppress(BrokenPipeError):
            for line in lines:
                if line.strip():
                    self._hear(line)
        for call in list(self._calls.values()):
            call.join(_LAST_WORDS)

    def _hear(self, line: bytes) -> None:
        message = mcp.read(line)
        assert not isinstance(message, list), "the newest version has no batches"
        match message:
            case mcp.Refusal():
                self._say(mcp.refused(message))
            case mcp.RpcNotification():
                self._noticed(message, line)
            case mcp.RpcRequest():
                self._asked(message, line)

    def _noticed(self, notice: mcp.RpcNotification, line: bytes) -> None:
        if (number := mcp.cancelled_id(notice)) in self._calls and number is not None:
            self._cancelled.add(number)
            _thread(self._tell, line).start()

    def _asked(self, request: mcp.RpcRequest, line: bytes) -> None:
        found = mcp.answer(request)
        if found is None:
            found = self._call(request, line)
        if isinstance(found, mcp.Refusal):
            self._say(mcp.refused(found))
        elif found is not None:
            self._version = str(found.get("protocolVersion", self._version))
            self._say(mcp.reply(request.id, found))

    def _call(self, request: mcp.RpcRequest, line: bytes) -> mcp.Refusal | None:
        """Begin a call in a thread of its own: others may come while it runs."""
        if isinstance(wrong := mcp.call_of(request), mcp.Refusal):
            return wrong
        thread = self._calls[request.id] = _thread(self._forward, request, line)
        thread.start()
        return None

    def _forward(self, request: mcp.RpcRequest, line: bytes) -> None:
        try:
            if not self._relayed(line) and request.id not in self._cancelled:
                raise UpstreamGone("the daemon ended the call without an answer")
        except PaddockError as error:
            self._say(mcp.reply(request.id, mcp.failed(error)))
        finally:
            self._calls.pop(request.id, None)
            self._cancelled.discard(request.id)

    def _relayed(self, line: bytes) -> bool:
        """Whether a reply came among the daemon's messages, all of which are passed on."""
        has_reply = False
        with self._post(line) as response:
            for message in _messages(response):
                has_reply = has_reply or mcp.read(message) == mcp.RpcNotification()
                self._say(message)
        return has_reply

    def _tell(self, line: bytes) -> None:
        with suppress(PaddockError), self._post(line) as response:
            response.read()

    def _post(self, line: bytes) -> AbstractContextManager[HTTPResponse]:
        headers = {"Mcp-Session-Id": self._session, "MCP-Protocol-Version": self._version}
        accept = "application/json, text/event-stream"
        return self._connection.exchange(
            "POST", "/mcp", Raw(line), accept=accept, headers=headers, patient=True
        )

    def _say(self, message: bytes) -> None:
        with self._lock, suppress(BrokenPipeError, ValueError):  # the agent has gone
            self._out.write(message + b"\n")
            self._out.flush()


def _thread(target: Callable[..., None], *args: object) -> threading.Thread:
    # A daemon thread: it waits for the network, and must not hold the program's end.
    return threading.Thread(target=target, args=args, daemon=True)


def _messages(response: HTTPResponse) -> Iterator[bytes]:
    if response.headers.get_content_type() != "text/event-stream":
        if content := response.read():
            yield content
        return
    parser = SseParser()
    for piece in pieces(response):
        for found in parser.feed(piece):
            if isinstance(found, SseMessage):
                yield found.data.encode()
