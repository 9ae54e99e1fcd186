"""One request whose speed is measured, sent and read as any client's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPResponse
from time import monotonic
from typing import Any

import msgspec

from paddock.api.client import Client
from paddock.api.connection import HangUp, foreign_error, pieces
from paddock.api.sse import SseMessage, SseParser
from paddock.errors import UpstreamGone


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """How one request went. Times are of the monotonic clock."""

    begun: float
    first: float  # its first token came
    ended: float
    prompt_tokens: int  # that were read, none of them from a cache
    answer_tokens: int
    prompt: float | None  # tokens/s, by the instance's own clock
    generation: float | None
    drafted: tuple[int, int] = (0, 0)  # tokens, and how many of them were accepted

    @property
    def first_token(self) -> float:
        """Seconds from the request to its first token, as the client sees it."""
        return self.first - self.begun

    @property
    def seconds(self) -> float:
        return self.ended - self.begun


class _Timings(msgspec.Struct):
    prompt_n: int = 0
    prompt_per_second: float | None = None
    predicted_n: int = 0
    predicted_per_second: float | None = None
    draft_n: int = 0
    draft_n_accepted: int = 0


def measured(
    client: Client,
    model: str,
    prompt: Sequence[int],
    *,
    answer: int,
    agent: str,
    line: HangUp | None = None,
) -> Sample:
    """Ask for exactly `answer` tokens after this prompt of tokens. `line` can end it.

    Raises what the API raises; UpstreamGone where the reply broke off, also by `line`.
    """
    body = {
        "model": model,
        "prompt": list(prompt),
        "n_predict": answer,
        "ignore_eos": True,
        "cache_prompt": False,
        "stream": True,
    }
    begun = monotonic()
    with client.connection.exchange(
        "POST",
        "/completion",
        body,
        accept="text/event-stream",
        headers={"User-Agent": agent},
        patient=True,
        line=line,
    ) as response:
        return _read(response, begun)


def _read(response: HTTPResponse, begun: float) -> Sample:
    first, timings = 0.0, None
    for data in _chunks(response):
        first = first or monotonic()
        if data.get("timings") and data.get("stop"):
            timings = msgspec.convert(data["timings"], _Timings)
    if timings is None:
        raise UpstreamGone("the answer broke off before its end")
    return Sample(
        begun=begun,
        first=first,
        ended=monotonic(),
        prompt_tokens=timings.prompt_n,
        answer_tokens=timings.predicted_n,
        prompt=timings.prompt_per_second,
        # Of one token there is no speed.
        generation=timings.predicted_per_second if timings.predicted_n > 1 else None,
        drafted=(timings.draft_n, timings.draft_n_accepted),
    )


def _chunks(response: HTTPResponse) -> Iterator[dict[str, Any]]:
    parser = SseParser()
    for piece in pieces(response):
        for found in parser.feed(piece):
            if isinstance(found, SseMessage) and found.data != "[DONE]":
                yield _checked(found)


def _checked(message: SseMessage) -> dict[str, Any]:
    chunk: dict[str, Any] = msgspec.json.decode(message.data, type=dict[str, Any])
    if message.event == "error" or chunk.get("error"):
        raise foreign_error(chunk)
    return chunk
