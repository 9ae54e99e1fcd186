"""The vocabulary of a scripted model and the chain of tokens that its answer is.

A byte-level BPE vocabulary (GPT-2's byte alphabet, a few common words as merges) that can encode
any prompt, and tokens of their own for the answer: the chain has one successor per token, so a
token may occur only once in it. No numpy here.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import pairwise

from paddock.llama.scripted_model import ScriptedModel
from paddock.llama.scripted_template import WANT_TOOL

_WORDS = "the of and to in is you that it for on are with as they at be this from have or not"


class Kind(IntEnum):
    """llama.cpp's token types (`enum llama_token_type`), as `tokenizer.ggml.token_type` has them."""

    NORMAL = 1
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5


def _byte_alphabet() -> list[str]:
    """GPT-2's letter for every byte: itself where printable, else the next one from 256 on."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    spare = iter(range(256, 512))
    return [chr(b) if b in printable else chr(next(spare)) for b in range(256)]


_LETTER = _byte_alphabet()


def _letters(text: str) -> str:
    return "".join(_LETTER[b] for b in text.encode())


@dataclass(slots=True)
class Vocabulary:
    """Tokens with their kinds, the merges, and `chain`: which token follows which."""

    tokens: list[str] = field(default_factory=list)
    kinds: list[Kind] = field(default_factory=list)
    merges: list[str] = field(default_factory=list)
    chain: list[tuple[int, int]] = field(default_factory=list)
    end_of_text: int = 0
    end_of_turn: int = 0
    _ids: dict[str, int] = field(default_factory=dict)

    def add(self, token: str, kind: Kind = Kind.NORMAL) -> int:
        self.tokens.append(token)
        self.kinds.append(kind)
        return self._ids.setdefault(token, len(self.tokens) - 1)

    def id(self, text: str) -> int:
        return self._ids[_letters(text)]

    def learn(self, word: str) -> None:
        """Add ` word`, merged letter by letter from the left."""
        left = _LETTER[32]
        for letter in word:
            merged = left + letter
            if merged not in self._ids:
                self.add(merged)
                self.merges.append(f"{left} {letter}")
            left = merged

    def say(self, start: int, text: str, end: int | None) -> None:
        """Chain `text` after `start`, then `end`; without an end, begin the text again."""
        steps = [self.add(_letters(piece)) for piece in self._pieces(text)]
        last = steps[0] if end is None else end
        route = [start, *steps, last]
        self.chain.extend(pairwise(route))

    def _pieces(self, text: str) -> Iterator[str]:
        """Cut at spaces into pieces that no other token has."""
        piece = ""
        for word in text.replace(" ", "\0 ").split("\0"):
            piece += word
            if len(piece) > 1 and _letters(piece) not in self._ids:
                yield piece
                piece = ""
        if piece:
            yield self._made_unique(piece)

    def _made_unique(self, piece: str) -> str:
        while _letters(piece) in self._ids:
            piece += "."
        return piece


def vocabulary_of(model: ScriptedModel) -> Vocabulary:
    """The vocabulary with the whole of the model's script in its chain."""
    words = Vocabulary()
    for letter in _LETTER:
        words.add(letter)
    for word in _WORDS.split():
        words.learn(word)
    _add_specials(words)
    _add_script(words, model)
    while len(words.tokens) < model.vocab:  # of control tokens llama-server would log each
        words.add(f"<|pad{len(words.tokens)}|>", Kind.UNUSED)
    return words


def _add_specials(words: Vocabulary) -> None:
    words.end_of_text = words.add("<|endoftext|>", Kind.CONTROL)
    words.add("<|im_start|>", Kind.CONTROL)
    words.end_of_turn = words.add("<|im_end|>", Kind.CONTROL)


def _add_script(words: Vocabulary, model: ScriptedModel) -> None:
    think, thought = _tags(words, "think")
    call, called = _tags(words, "tool_call")
    want = words.add(WANT_TOOL, Kind.CONTROL)
    start = words.id("\n")  # a prompt for the assistant ends in a new line
    if model.think:
        words.chain.append((start, think))
        words.say(think, f"\n{model.think}\n", thought)
        start = thought
    words.say(start, model.say, None if model.endless else words.end_of_turn)
    if model.tool:
        words.chain += [(want, call), (called, words.end_of_turn)]
        words.say(call, _call_text(*model.tool), called)


def _tags(words: Vocabulary, name: str) -> tuple[int, int]:
    opening, closing = f"<{name}>", f"</{name}>"
    return words.add(opening, Kind.USER_DEFINED), words.add(closing, Kind.USER_DEFINED)


def _call_text(name: str, arguments: str) -> str:
    json.loads(arguments)  # a script that is no JSON should fail here, not in a client
    return f'\n{{"name": "{name}", "arguments": {arguments}}}\n'
