"""Which word somebody meant: only where one is near."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.near import nearest

KNOWN = ["ctx-size", "hf-repo-draft", "pin", "ttl", "jinja", "n-gpu-layers", "spec-type"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("ctx-sise", "ctx-size"),
        ("ctx-szie", "ctx-size"),
        ("n-gpu-layer", "n-gpu-layers"),
        ("jnija", "jinja"),
        ("pni", "pin"),
        ("tll", "ttl"),
        ("hf-repo", None),  # what stands for another thing is not near
        ("c", None),
        ("xy", None),
        ("context-size", None),
        ("mlock", None),
        ("", None),
    ],
)
def test_a_slip_of_the_hand_is_understood_and_another_word_is_not(word, meant):
    assert nearest(word, KNOWN) == meant


def test_of_several_the_nearest_and_then_the_first():
    assert nearest("abcdefgh", ["abcdefxy", "abcdefgx", "abcdefgy"]) == "abcdefgx"


@given(st.text(max_size=12), st.text(max_size=12))
def test_what_is_named_holds_at_most_a_slip_for_four_letters(word, other):
    if nearest(word, [other]) is not None:
        assert abs(len(word) - len(other)) <= 3
        assert len(word) < 3 or set(word) & set(other) or len(word) == 3


@given(st.text(max_size=20))
def test_a_known_word_is_itself(word):
    assert nearest(word, ["something", word]) == word
