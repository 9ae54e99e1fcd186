"""EXTRA_ARGS as words: a shell's rules and comments, over many lines."""

import shlex
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.config.command_line import groups, guessed, split
from paddock.config.layers import Layer, Setting, merge
from paddock.config.profile import Origin
from paddock.config.vocabulary import WELL_KNOWN

SIGNS = st.text(" \n\\'\"#a-", max_size=14)


def by_every_prefix(text: str) -> list[str]:
    """The rule itself, slowly: a # after a blank begins a comment where what stands before it is whole."""
    lines, begun = [], ""
    for line in text.replace("\\\n", " ").split("\n"):
        begun = f"{begun}\n{line}" if begun else line
        places = [at for at, sign in enumerate(begun) if sign == "#" and begun[:at][-1:].strip() == ""]  # fmt: skip
        begun = next((begun[:at] for at in places if is_whole(begun[: max(at - 1, 0)])), begun)
        if is_whole(begun):
            lines.append(begun)
            begun = ""
    return shlex.split("\n".join([*lines, begun]))


def is_whole(text: str) -> bool:
    try:
        shlex.split(text)
    except ValueError:
        return False
    return True


@settings(max_examples=1000, deadline=None)
@given(SIGNS)
def test_comments_and_quotes_are_what_every_prefix_says(text: str):
    try:
        expected = by_every_prefix(text)
    except ValueError:
        with pytest.raises(ValueError, match="No "):
            split(text)
    else:
        assert split(text) == expected


@pytest.mark.parametrize("line", ["--temp 0.7 # x", "# it's", "--a '", "--a 'b\n# c'"])
def test_each_sign_is_split_once_however_many_lines_there_are(
    monkeypatch: pytest.MonkeyPatch, line: str
):
    read: list[int] = []
    real = shlex.split

    def counted(text: str) -> list[str]:
        read.append(len(text))
        return real(text)

    monkeypatch.setattr("shlex.split", counted)
    text = "\n".join([line] * 2001)
    with suppress(ValueError):  # an odd number of quotes is refused, and as soon
        split(text)
    assert sum(read) <= len(text)


@pytest.mark.timeout(60)  # by the square of their number it takes minutes
def test_hundreds_of_thousands_of_words_are_grouped_in_one_pass():
    words = ["--ctx-size", "8192"] * 150_000
    assert list(groups(words, WELL_KNOWN)) == [("--ctx-size", "8192")] * 150_000


@pytest.mark.timeout(60)
@pytest.mark.parametrize("is_list", [True, False])
def test_what_thousands_of_one_flag_replace_is_found_in_one_pass(is_list: bool):
    spec = guessed("--lora" if is_list else "--x", 1)
    assert spec.accumulates is is_list
    many = [Setting(spec, ("--x", str(at)), Origin("a", "EXTRA_ARGS", at)) for at in range(60_000)]
    below = Layer((Setting(spec, ("--x", "0"), Origin("*", "x", 1)),))
    flags = merge([below, Layer(tuple(many))])
    assert len(flags) == (60_000 if is_list else 1)
    assert len(flags[0].overrides) == (1 if is_list else 60_000)
