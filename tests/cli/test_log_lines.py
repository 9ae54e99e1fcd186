"""The daemon's log: whole lines, in order, late by no more than a moment, warnings at once."""

import asyncio
import io
import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.cli.log_lines import Bunches, Lines, plain


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def log(out: io.StringIO) -> Iterator[logging.Logger]:
    handler = Bunches(out)
    handler.setFormatter(Lines())
    logger = logging.getLogger("paddock.test_log_lines")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)


def said(out: io.StringIO) -> list[str]:
    return [line.partition(": ")[2] for line in out.getvalue().splitlines()]


async def test_lines_go_out_together_and_soon(log: logging.Logger, out: io.StringIO):
    log.info("one")
    log.info("two")
    assert out.getvalue() == ""
    async with asyncio.timeout(5):
        while not out.getvalue():
            await asyncio.sleep(0.01)
    assert said(out) == ["one", "two"]
    log.info("three")
    async with asyncio.timeout(5):
        while len(said(out)) < 3:
            await asyncio.sleep(0.01)


async def test_a_warning_takes_those_before_it_along_at_once(log: logging.Logger, out: io.StringIO):
    log.info("one")
    log.warning("two")
    assert said(out) == ["one", "two"]


async def test_a_flood_is_not_kept_in_memory(log: logging.Logger, out: io.StringIO):
    for number in range(250):
        log.info("%d", number)
    assert len(said(out)) == 200


def test_without_a_loop_nothing_is_held_back(log: logging.Logger, out: io.StringIO):
    log.info("one")
    assert said(out) == ["one"]


async def test_the_end_of_the_process_flushes(log: logging.Logger, out: io.StringIO):
    log.info("last words")
    log.handlers[0].flush()
    assert said(out) == ["last words"]


@given(st.text(max_size=200))
def test_what_comes_from_outside_stays_on_its_line_and_can_be_read(text: str):
    told = plain(text)
    assert told.isprintable()
    assert told == text or not text.isprintable()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a\nERROR b", "a\\nERROR b"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\udcff", "\\udcff"),
        ("\u2028", "\\u2028"),
        ("M\u00fcller", "M\u00fcller"),
    ],
)
def test_letters_that_steer_a_terminal_or_begin_a_line_are_escaped(text: str, told: str):
    assert plain(text) == told


def test_a_word_without_end_is_cut():
    assert len(plain("x" * 1_000_000)) < 10_000
