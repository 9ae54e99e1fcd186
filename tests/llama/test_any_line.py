"""Whatever an engine writes, reading it ends nobody: recorded lines, and what could become of them."""

import itertools
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paddock.api.placement import Placement
from paddock.llama.fit_log import FitReader
from paddock.llama.flags import parse_help
from paddock.llama.output import (
    failure_reason,
    load_hint,
    parse_server,
    parse_state,
    parse_task,
    parse_timing,
)
from paddock.llama.placement_log import PlacementReader
from paddock.llama.slots import parse_reuse

HERE = Path(__file__).parent
RECORDED = sorted(
    {
        line
        for file in HERE.glob("*-*.txt")
        for line in file.read_text(errors="replace").splitlines()
        if line.strip()
    }
)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
ODD = [
    "",
    "-1",
    "0",
    "9" * 400,
    "1e999",
    "nan",
    "0x10",
    "٣",
    "½",
    "1.2.3",
    "\0",
    "{",
    "]",
    "\x1b[2J",
]


@st.composite
def spoilt(draw: st.DrawFn) -> str:
    """A line that was written once, with a number of it replaced, and cut or doubled."""
    line = draw(st.sampled_from(RECORDED))
    numbers = [None, *NUMBER.finditer(line)]
    if found := draw(st.sampled_from(numbers)):
        line = line[: found.start()] + draw(st.sampled_from(ODD)) + line[found.end() :]
    at = draw(st.integers(0, len(line)))
    return draw(
        st.sampled_from([line, line[:at], line[at:], line[:at] + draw(st.text(max_size=9))])
    )


LINES = st.lists(spoilt() | st.sampled_from(RECORDED) | st.text(max_size=80), max_size=30)


PARSERS = (parse_state, parse_server, parse_timing, parse_task, parse_reuse, load_hint)


def read_quickly(lines: list[str]) -> tuple[PlacementReader, FitReader]:
    """As an instance's run does, line by line while it goes on."""
    placement, fit = PlacementReader(), FitReader()
    for line in lines:
        placement.feed(line)
        fit.feed(line)
        for parse in PARSERS:
            parse(line)
    return placement, fit


def read(lines: list[str]) -> None:
    """As an instance's run, a rehearsal and a look at an engine's help do."""
    placement, fit = read_quickly(lines)
    assert isinstance(failure_reason(lines), str)
    fit.fit()
    parse_help("\n".join(lines))
    msgspec.json.decode(msgspec.json.encode(placement.placement), type=Placement)


@settings(max_examples=300)
@given(LINES)
def test_every_line_is_read_or_passed_over(lines: list[str]):
    read(lines)


@pytest.mark.parametrize("letter", ["x", " ", "1", "a:", "0.", "[", "= "])
def test_a_line_as_long_as_any_is_read_too(letter: str):
    read([letter * ((1 << 16) // len(letter))])


SHAPES = {re.sub(r"[\d.]+", "0", line)[:60]: line for line in RECORDED if line[:1].isdecimal()}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("run", [" ", "9", "| ", "a ("])
def test_no_line_is_read_for_long_whatever_it_is_blown_up_with(run: str):
    """64 KiB of blanks in a row of fit's table took a minute; a number of 5,000 digits was an error of ours."""
    blown = run * ((1 << 16) // len(run))
    for line in SHAPES.values():
        for gap in itertools.islice(re.finditer(r"(?<=\d)|[ |(=]", line[12:]), 8):
            at = 12 + gap.start()
            read_quickly([line[:at] + blown + line[at:]])
