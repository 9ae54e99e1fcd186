"""A stream of several prompts, in pieces of any length."""

import msgspec
import pytest

from paddock.http.body import owned, wish
from paddock.http.many_prompts import ManyPrompts, has_many
from paddock.http.surfaces import OPENAI

NOTHING = b"data: null\n\n"
FIRST = b'data: {"choices":[{"text":"data: null","index":1}]}\n\n'
SECOND = b'data: {"choices":[{"text":"\\n\\ndata: null\\n\\n","index":0}]}\n\n'
LAST = b": waits\n\ndata: [DONE]\n\n"


def heard(text: bytes, size: int) -> bytes:
    reply = ManyPrompts(OPENAI)
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    return b"".join([*map(reply.hear, pieces), reply.end()])


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_events_of_nothing_are_left_out_and_all_else_keeps_its_bytes(size: int):
    stream = NOTHING + FIRST + NOTHING + NOTHING + SECOND + LAST
    assert heard(stream, size) == FIRST + SECOND + LAST
    torn = b'data: {"choices"'
    assert heard(FIRST + torn, size) == FIRST + torn


@pytest.mark.parametrize(
    ("prompt", "many"),
    [
        (["one", "two"], True),
        (["one"], True),
        ([[1, 2], [3]], True),
        ("[one]", False),
        ("", False),
        (None, False),
        ({"prompt_string": "one"}, False),
        (["one" * 100_000, "two"], True),
    ],
)
def test_only_a_list_may_be_several(prompt: object, many: bool):
    asked = wish(msgspec.json.encode({"stream": True, "prompt": prompt}), "application/json")
    assert has_many(asked) is many
    assert has_many(owned(asked)) is many


def test_a_chat_has_no_prompt():
    assert not has_many(wish(b'{"messages": [], "stream": true}', "application/json"))
