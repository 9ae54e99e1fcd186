"""What a reply says of its own tokens, read from its first and last bytes as it goes by.

In llama-server's replies (build 11434) the numbers stand at the end, after whatever a model wrote, or
before a list of embeddings. A model's own words never look like them: within JSON's strings each
quotation mark has a backslash before it.
"""

import re
from collections import deque
from typing import NamedTuple

_LAST_PIECES = 4  # the numbers, perhaps `usage` in an event of its own, `[DONE]`, and one to spare
_MOST = 4096  # bytes of a piece that are looked at

_TIMINGS = re.compile(
    rb'"timings":\{"cache_n":(?P<cached>\d+),"prompt_n":(?P<prompt>\d+),[^{}]*?"predicted_n":(?P<answer>\d+)'
)
_OPENAI = re.compile(rb'"usage":\{[^{}]*?"prompt_tokens":(\d+)')
_OPENAI_ANSWER = re.compile(rb'"completion_tokens":(\d+)')
_INPUT = re.compile(rb'"input_tokens":(\d+)')
_OUTPUT = re.compile(rb'"output_tokens":(\d+)')
# Anthropic counts what was cached apart; in OpenAI's Responses it is part of the input.
_CACHED = re.compile(rb'"cache_read_input_tokens":(\d+)')


class Tokens(NamedTuple):
    """Of one request: its whole prompt, and the answer."""

    prompt: int
    answer: int


class ToldTokens:
    """Hears a reply's pieces. On the hot path: an append for each, which `hear_on` is."""

    __slots__ = ("_first", "_last", "hear_on")

    def __init__(self) -> None:
        self._first = b""
        self._last: deque[bytes] = deque(maxlen=_LAST_PIECES)
        self.hear_on = self._last.append  # a piece that is not the first

    def hear(self, piece: bytes) -> None:
        """Another piece of it, or its first."""
        if not self._first:
            self._first = piece[:_MOST]
        self.hear_on(piece)

    def read(self) -> Tokens | None:
        """What they said; None where they did not."""
        end = b"".join(piece[-_MOST:] for piece in self._last)
        return _timings(end) or _usage(end, end) or _usage(self._first, end)


def _timings(end: bytes) -> Tokens | None:
    found = None
    for found in _TIMINGS.finditer(end):  # noqa: B007  # the last one
        pass
    if found is None:
        return None
    return Tokens(int(found["cached"]) + int(found["prompt"]), int(found["answer"]))


def _usage(beginning: bytes, end: bytes) -> Tokens | None:
    """The prompt as `beginning` has it; the answer, of which no embedding has one, as `end` has it."""
    if (prompt := _number(_OPENAI, beginning)) is not None:
        return Tokens(prompt, _number(_OPENAI_ANSWER, end) or 0)
    if (prompt := _number(_INPUT, beginning)) is None:
        return None
    answer = _number(_OUTPUT, end)
    return None if answer is None else Tokens(prompt + (_number(_CACHED, beginning) or 0), answer)


def _number(pattern: re.Pattern[bytes], text: bytes) -> int | None:
    """The last that there is."""
    found = pattern.findall(text)
    return int(found[-1]) if found else None
