"""The difference of two texts is what makes the one of the other, and is found in a moment."""

import re

from hypothesis import given
from hypothesis import strategies as st

from paddock.config.text_difference import unified

LETTERS = "\n".join("abcdefghijklmnopqrstuvwxyz") + "\n"
TEXTS = st.lists(st.sampled_from("abcd\x0b"), max_size=40).map(
    lambda rows: "".join(f"{r}\n" for r in rows)
)


def _patched(text: str, difference: list[str]) -> str:
    """The text with each place replaced, which the lines around it and removed must fit."""
    rows, made, at = text.split("\n")[:-1], list[str](), 0
    for line in difference:
        if place := re.fullmatch(r"@@ -(\d+),(\d+) \+\d+,\d+ @@", line):
            begin = int(place[1]) - (place[2] != "0")
            made, at = made + rows[at:begin], begin
        elif line[0] == "+":
            made.append(line[1:])
        else:
            assert rows[at] == line[1:]
            made, at = made + [line[1:]] * (line[0] == " "), at + 1
    return "".join(f"{row}\n" for row in made + rows[at:])


@given(TEXTS, TEXTS)
def test_it_makes_the_one_of_the_other(before: str, after: str):
    assert _patched(before, unified(before, after)) == after


def test_it_is_shown_as_everybody_knows_it():
    assert unified(LETTERS, LETTERS) == []
    changed = LETTERS.replace("c\n", "C\n").replace("y\n", "")
    assert unified(LETTERS, changed) == [
        *("@@ -1,6 +1,6 @@", " a", " b", "-c", "+C", " d", " e", " f"),
        *("@@ -22,5 +22,4 @@", " v", " w", " x", "-y", " z"),
    ]
    assert unified("", "a") == ["@@ -0,0 +1,1 @@", "+a (no line end)"]
    assert unified("a\n", "a\r\n") == ["@@ -1,1 +1,1 @@", "-a", "+a ␍␊"]


def test_a_text_of_which_nothing_is_left_is_replaced_whole():
    before, after = ("".join(f"{n * k % 997}\n" for n in range(20_000)) for k in (7, 13))
    assert _patched(before, found := unified(before, after)) == after
    assert len([line for line in found if line.startswith("@@")]) == 1
