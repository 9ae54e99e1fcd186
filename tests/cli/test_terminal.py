"""What a model, a file or a client wrote moves no terminal."""

import os
import pty
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.cli.output.terminal import complain, for_terminal, harmless, print_table

ORDERS = [
    "\x1b]0;title\x07",
    "\x1b]52;c;aGk=\x07",
    "\x1b[2J",
    "\x1b[1A\x1b[2K",
    "\x1bc",
    "\x1bP+q\x1b\\",
    "\x9b2J",
    "\x08\x08",
    "\r",
    "\x7f",
    "\0",
]


@pytest.mark.parametrize("order", ORDERS)
def test_what_a_terminal_would_obey_is_shown_instead(
    order: str, capsys: pytest.CaptureFixture[str]
):
    complain(f"before{order}after")
    print_table(["NAME"], [[f"before{order}after"]])
    printed = capsys.readouterr()
    for text in (harmless(order), printed.out, printed.err):
        assert text.replace("\n", "").isprintable()


@given(st.text())
def test_text_is_left_as_it_is(text: str):
    shown = harmless(text)
    if text.replace("\n", "").isprintable():
        assert shown == text
    assert harmless(shown) == shown


def test_colours_of_ours_are_left():
    assert harmless("\x1b[31merror:\x1b[0m a\tb\n") == "\x1b[31merror:\x1b[0m a\tb\n"


@given(st.text(max_size=20), st.integers(1, 5))
def test_a_letter_that_comes_in_pieces_is_one(text: str, size: int):
    raw = text.encode("utf-8", "replace")
    pieces = [raw[at : at + size] for at in range(0, len(raw), size)]
    assert "".join(for_terminal(pieces)) == harmless(raw.decode())


ASKS = """
from paddock.api.chat import AnswerPiece
from paddock.cli.output.answer import print_answer
print_answer([AnswerPiece(kind="reasoning", text="a\\x1b]0;x\\x07"), AnswerPiece(kind="content", text="b\\x1b[2Jc")])
"""


def test_an_answer_is_shown_so_in_a_terminal_and_whole_in_a_pipe():
    command = [sys.executable, "-c", ASKS]
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while b"c" not in shown.rpartition(b"b")[2]:
            shown += os.read(ours, 1000)
        assert process.wait() == 0
    os.close(ours)
    assert b"b\\x1b[2Jc" in shown
    assert b"\x1b]" not in shown
    assert subprocess.check_output(command, stderr=subprocess.DEVNULL) == b"b\x1b[2Jc\n"
