"""A body without its long strings, and with them again: whatever is in them, wherever slices end."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.config.variant import Variant
from paddock.errors import BadRequest
from paddock.http import body, sampling
from paddock.http.outline import LONG, Outline, outline

LETTERS = st.sampled_from(["a", '"', "\\", "\n", "ä", "\U0001f40e", "\\u0041", "paddock"])
STRINGS = st.builds(
    lambda start, filling, end: start + filling * (LONG // len(filling) + 1) + end,
    st.text(max_size=20),
    LETTERS,
    st.text(max_size=20),
) | st.text(max_size=30)
DOCUMENTS = st.recursive(
    STRINGS | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(STRINGS, inner, max_size=3),
    max_leaves=6,
)


def cut(text: bytes, size: int) -> Outline:
    made = outline(text[at : at + size] for at in range(0, len(text), size))
    assert made is not None
    return made


def whole(made: Outline, text: bytes, pieces: list[bytes]) -> bytes:
    parts = (part for piece in pieces for part in made.restored(piece))
    return b"".join(text[p.start : p.stop] if isinstance(p, range) else bytes(p) for p in parts)


@given(DOCUMENTS, st.booleans(), st.integers(min_value=1000, max_value=100_000))
def test_what_was_left_out_comes_back_wherever_slices_end(document, ascii_only, size):
    text = json.dumps(document, ensure_ascii=ascii_only).encode()
    made = cut(text, size)
    json.loads(made.text)
    assert whole(made, text, [made.text]) == text


@given(st.lists(st.sampled_from([b'"', b"\\", b"a", b"{", b"\xff", b"\n"]), max_size=60))
def test_slices_of_a_byte_make_no_difference_whatever_the_bytes(letters):
    text = b"".join(letters)
    assert cut(text, 1).text == cut(text, 1000).text == text


def test_only_long_strings_are_left_out():
    short, long = "s" * LONG, "l" * (LONG + 1)
    made = cut(json.dumps([short, long]).encode(), 4096)
    assert len(made.cuts) == 1
    assert json.loads(made.text)[0] == short


def test_the_beginning_of_a_picture_stays():
    made = cut(json.dumps({"image": "iVBORw0KGgo" + "A" * LONG}).encode(), 4096)
    assert json.loads(made.text)["image"].startswith("iVBOR")


def test_a_long_name_is_refused_as_such():
    made = cut(json.dumps({"model": "m" * (2 * LONG)}).encode(), 4096)
    with pytest.raises(BadRequest, match="1024 letters"):
        body.wish(made.text, "application/json")


def test_a_body_of_many_short_strings_has_no_outline():
    assert outline([b'["short"' + b',"short"' * 1_000_000 + b"]"]) is None


def test_fields_are_taken_out_of_the_outline_and_the_rest_comes_back_as_it_was():
    text = json.dumps({"temperature": 2, "messages": ["ü\n" * LONG]}).encode()
    made = cut(text, 4096)
    vain = sampling.Sampling(overruled=("temperature",))
    pieces = [bytes(piece) for piece in sampling.shaped(made.text, vain)]
    assert json.loads(whole(made, text, pieces)) == {"messages": ["ü\n" * LONG]}


def test_a_variants_system_prompt_goes_before_a_long_one_which_stays_as_it_was():
    long = {"role": "system", "content": "ü\n" * LONG}
    text = json.dumps({"messages": [long]}).encode()
    made, mine = cut(text, 4096), Variant("v", "m", 1, system_prompt="Mine.")
    shaped = sampling.shaped(made.text, sampling.NOTHING_SAID, mine, "/v1/chat/completions")
    [message] = json.loads(whole(made, text, [bytes(piece) for piece in shaped]))["messages"]
    assert message["content"] == "Mine.\n\n" + long["content"]
