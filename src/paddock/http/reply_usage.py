"""What a reply says of its own tokens, read from its first and last bytes as it goes by.

In llama-server's replies (build 11434) the numbers stand at the end, after whatever a model wrote, or
before a list of embeddings. A model's own words never look like them: within JSON's strings each
quotation mark has a backslash before it.
"""

import re
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

_LAST_PIECES = 4  # the numbers, perhaps `usage` in an event of its own, `[DONE]`, and one to spare
_MOST = 4096  # bytes of a piece that are looked at

_USAGE_BEGINS, _TIMINGS_BEGIN = b'"usage":{', b'"timings":{'
_USAGE_LENGTH = 512  # bytes from its beginning, within which what is looked for stands

_TIMINGS = re.compile(rb'"timings":\{"cache_n":(\d+),"prompt_n":(\d+),')
_PREDICTED = b'"predicted_n":'
# OpenAI's words (embeddings have no answer), then those of Anthropic and of OpenAI's Responses.
_PROMPT, _ANSWER = b'"prompt_tokens":', b'"completion_tokens":'
_INPUT, _OUTPUT = b'"input_tokens":', b'"output_tokens":'
# Anthropic counts what was cached apart; in OpenAI's Responses it is part of the input.
_CACHED = b'"cache_read_input_tokens":'
_DIGITS = re.compile(rb"\d+")
# As it begins in llama-server's replies without `timings`: read at once, in a quarter of the time.
_CHAT = re.compile(rb'"usage":\{"completion_tokens":(\d+),"prompt_tokens":(\d+),')


class Tokens(NamedTuple):
    """Of one request: its whole prompt, and the answer."""

    prompt: int
    answer: int


class ReplyUsage:
    """Hears a reply's pieces. On the hot path: an append for each after the first, which `further` gives."""

    __slots__ = ("_first", "_last")

    def __init__(self) -> None:
        self._first = b""
        self._last: Sequence[bytes] = ()

    def hear(self, piece: bytes) -> None:
        """Another piece of it, or its first."""
        if self._last:
            self.further()(piece)
        else:
            self._first, self._last = piece[:_MOST], (piece,)

    def further(self) -> Callable[[bytes], None]:
        """Hears each further piece."""
        last = self._last = deque(self._last, maxlen=_LAST_PIECES)
        return last.append

    def read(self) -> Tokens | None:
        """What they said; None where they did not.

        Of what looks like it, the last counts: arguments of tools, which a model wrote, come before.
        """
        last = self._last
        end = last[0][-_MOST:] if len(last) == 1 else b"".join([piece[-_MOST:] for piece in last])
        usage, timings = end.rfind(_USAGE_BEGINS), end.rfind(_TIMINGS_BEGIN)
        if timings > usage and (tokens := _timed(end, timings)):
            return tokens
        if usage >= 0 and (found := _CHAT.match(end, usage)):
            return Tokens(int(found[2]), int(found[1]))
        return _both(end, usage, end, usage) or _both(
            self._first, self._first.find(_USAGE_BEGINS), end, usage
        )


def _timed(end: bytes, at: int) -> Tokens | None:
    """As the `timings` that begin there have it."""
    if (found := _TIMINGS.match(end, at)) is None:
        return None
    begins = found.end()
    closes = end.find(b"}", begins)
    predicted = end.find(_PREDICTED, begins, closes if closes >= 0 else len(end))
    answer = _DIGITS.match(end, predicted + len(_PREDICTED)) if predicted >= 0 else None
    return Tokens(int(found[1]) + int(found[2]), int(answer[0])) if answer else None


def _both(beginning: bytes, at: int, end: bytes, end_at: int) -> Tokens | None:
    """The prompt as the `usage` of `beginning` has it, at `at`; the answer as that of `end` has it."""
    if at < 0:
        return None
    if (prompt := _number(_PROMPT, beginning, at)) is not None:
        return Tokens(prompt, _number(_ANSWER, end, end_at) or 0)
    if (prompt := _number(_INPUT, beginning, at)) is None:
        return None
    answer = _number(_OUTPUT, end, end_at)
    if answer is None:
        return None
    return Tokens(prompt + (_number(_CACHED, beginning, at) or 0), answer)


def _number(name: bytes, text: bytes, at: int) -> int | None:
    """The first of this name in the `usage` that begins at `at`; -1: there is none."""
    place = text.find(name, at, at + _USAGE_LENGTH) if at >= 0 else -1
    found = _DIGITS.match(text, place + len(name)) if place >= 0 else None
    return int(found[0]) if found else None
