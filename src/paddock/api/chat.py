"""Sends one prompt and streams the answer, through the OpenAI API or the Anthropic API.

Enough of both for `paddock ask` and `paddock demo`; programs use the makers' own libraries.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from paddock.api.client import Client
from paddock.api.connection import foreign_error, pieces
from paddock.api.sse import SseComment, SseMessage, SseParser
from paddock.errors import UpstreamGone

Api = Literal["openai", "anthropic"]


@dataclass(frozen=True, slots=True)
class AnswerPiece:
    """A piece of an answer, or of the wait for it."""

    kind: Literal[
        "content",
        "reasoning",
        "waiting",  # a keep-alive: text is the daemon's report on the load, or empty
    ]
    text: str


def ask(
    client: Client, model: str, prompt: str, *, api: Api = "openai", max_tokens: int | None = None
) -> Iterator[AnswerPiece]:
    """Stream the model's answer to one user message. An error in mid-stream is raised."""
    path, body, read = _REQUESTS[api]
    request = body(model, prompt, max_tokens)
    with client.connection.exchange(
        "POST", path, request, accept="text/event-stream", patient=True
    ) as response:
        messages = _messages(pieces(response))
        yield from read(messages)
        # To the last byte: a client that leaves before it counts as one that hung up.
        for _ in messages:
            pass


def _messages(stream: Iterable[bytes]) -> Iterator[SseMessage | SseComment]:
    parser = SseParser()
    for piece in stream:
        yield from parser.feed(piece)


def _openai_body(model: str, prompt: str, max_tokens: int | None) -> dict[str, Any]:
    limit = {"max_tokens": max_tokens} if max_tokens else {}
    return _body(model, prompt) | limit


def _anthropic_body(model: str, prompt: str, max_tokens: int | None) -> dict[str, Any]:
    return _body(model, prompt) | {"max_tokens": max_tokens or 4096}  # required by that API


def _body(model: str, prompt: str) -> dict[str, Any]:
    return {"model": model, "stream": True, "messages": [{"role": "user", "content": prompt}]}


def _openai_pieces(messages: Iterable[SseMessage | SseComment]) -> Iterator[AnswerPiece]:
    for message in messages:
        if isinstance(message, SseComment):
            yield AnswerPiece("waiting", message.text)
        elif message.data == "[DONE]":
            return
        else:
            yield from _openai_chunk(_checked(message.data))
    raise UpstreamGone("the answer broke off before its end")


def _openai_chunk(chunk: dict[str, Any]) -> Iterator[AnswerPiece]:
    for choice in chunk.get("choices") or []:
        delta = choice.get("delta") or {}
        if text := delta.get("reasoning_content"):
            yield AnswerPiece("reasoning", text)
        if text := delta.get("content"):
            yield AnswerPiece("content", text)


def _anthropic_pieces(messages: Iterable[SseMessage | SseComment]) -> Iterator[AnswerPiece]:
    for message in messages:
        if isinstance(message, SseComment):
            yield AnswerPiece("waiting", message.text)
        elif message.event == "message_stop":
            return
        else:
            yield from _anthropic_event(_checked(message.data))
    raise UpstreamGone("the answer broke off before its end")


def _anthropic_event(event: dict[str, Any]) -> Iterator[AnswerPiece]:
    if event.get("type") == "ping":
        yield AnswerPiece("waiting", "")
    delta = event.get("delta") or {}
    if text := delta.get("thinking"):
        yield AnswerPiece("reasoning", text)
    if text := delta.get("text"):
        yield AnswerPiece("content", text)


def _checked(data: str) -> dict[str, Any]:
    chunk: dict[str, Any] = msgspec.json.decode(data, type=dict[str, Any])
    if chunk.get("error"):
        raise foreign_error(chunk)
    return chunk


_REQUESTS = {
    "openai": ("/v1/chat/completions", _openai_body, _openai_pieces),
    "anthropic": ("/v1/messages", _anthropic_body, _anthropic_pieces),
}
