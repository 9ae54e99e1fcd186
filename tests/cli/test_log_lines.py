"""The daemon's log: whole lines, in order, late by no more than a moment, warnings at once."""

import asyncio
import io
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.cli.background.floods import FEW, WHILE, Floods
from paddock.cli.background.log_lines import Bunches, LineRecord, Lines, plain
from paddock.http import accounting


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


async def test_a_line_without_a_record_looks_like_one_with_it(
    log: logging.Logger, out: io.StringIO
):
    handler = log.handlers[0]
    assert isinstance(handler, Bunches)
    log.info("one\nERROR two")
    handler.take_line(log.name, "one\nERROR two")
    handler.flush()
    first, second = (line.split(" ", 2) for line in out.getvalue().splitlines())
    assert first[2] == second[2] == f"INFO    {log.name}: one\\nERROR two"
    assert len(first[1]) == len(second[1]) == len("03:14:05,123")


@pytest.mark.parametrize("others", [0, 1])
def test_a_requests_line_reaches_whoever_listens(
    monkeypatch: pytest.MonkeyPatch, out: io.StringIO, others: int
):
    heard: list[str] = []
    other = logging.Handler()
    other.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    monkeypatch.setattr(logging.root, "handlers", [Bunches(out), other][: 1 + others])
    monkeypatch.setattr(accounting.log, "level", logging.INFO)
    accounting.write("request 100%")
    assert said(out) == ["request 100%"]
    assert heard == ["request 100%"] * others


@pytest.mark.parametrize(
    ("message", "args"), [("plain", ()), ("%s of %d", ("one", 2)), ("%(a)s", ({"a": 1},))]
)
def test_a_library_formats_our_records_as_any_other(message: str, args: Any):
    """By the record's own dictionary, as pytest and others do."""
    given = ("some.name", logging.INFO, "/a/b.py", 7, message, args, None)
    standard, ours = logging.LogRecord(*given), LineRecord(*given)
    assert vars(ours).keys() >= vars(standard).keys()
    assert ours.getMessage() == standard.getMessage()
    words = " ".join(f"%({name})s" for name in vars(standard))
    assert words % vars(ours)


def test_without_a_loop_nothing_is_held_back(log: logging.Logger, out: io.StringIO):
    log.info("one")
    assert said(out) == ["one"]


async def test_the_end_of_the_process_flushes(log: logging.Logger, out: io.StringIO):
    log.info("last words")
    log.handlers[0].flush()
    assert said(out) == ["last words"]


@given(st.text(max_size=200))
def test_what_comes_from_outside_stays_on_its_line_and_can_be_read(text: str):
    escaped = plain(text)
    assert escaped.isprintable()
    assert escaped == text or not text.isprintable()


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a\nERROR b", "a\\nERROR b"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\udcff", "\\udcff"),
        ("\u2028", "\\u2028"),
        ("M\u00fcller", "M\u00fcller"),
    ],
)
def test_letters_that_steer_a_terminal_or_begin_a_line_are_escaped(text: str, escaped: str):
    assert plain(text) == escaped


def test_a_word_without_end_is_cut():
    assert len(plain("x" * 1_000_000)) < 10_000


# ---- floods ----


def refusal(name: str = "paddock.http.server", about: object = "x") -> logging.LogRecord:
    return logging.LogRecord(name, logging.INFO, "", 0, "refused %s", (about,), None)


def test_a_few_lines_of_a_kind_are_written_and_then_their_number(caplog: pytest.LogCaptureFixture):
    floods = Floods()
    written = [floods.filter(refusal(about=number)) for number in range(1000)]
    assert written == [True] * FEW + [False] * (1000 - FEW)
    later = refusal()
    later.created += WHILE
    assert floods.filter(later), "a new while"
    assert caplog.messages == [f"{1000 - FEW} more lines of paddock.http.server like 'refused %s'"]


def test_what_was_done_is_written_each_time():
    floods = Floods()
    assert all(floods.filter(refusal("paddock.http.relay")) for _ in range(1000))


async def test_their_number_is_reported_when_no_more_come(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("paddock.cli.background.floods.WHILE", 0.01)
    floods = Floods()
    for _ in range(FEW + 3):
        floods.filter(refusal())
    async with asyncio.timeout(5):
        while not caplog.messages:
            await asyncio.sleep(0.01)
    assert caplog.messages[0].startswith("3 more lines")


def test_kinds_without_end_are_not_kept_in_memory():
    floods = Floods()
    for number in range(10_000):
        record = refusal()
        record.msg = f"kind {number}"
        floods.filter(record)
    assert len(floods._kinds) <= 101


# ---- the daemon's own file ----

WRITES = """
import logging, sys
from pathlib import Path
from paddock.cli.background.log_lines import log_to_stderr
from paddock.cli.background.own_log import OwnLog
log_to_stderr(verbose=False, own=OwnLog(Path(sys.argv[1]), 20_000))
for number in range(2000):
    logging.getLogger("test").info("line %d", number)
print("and stdout", flush=True)
"""


def written(log: Path, to: Path) -> None:
    """What a process says that has `to` as its output, and takes `log` for its own file."""
    with to.open("ab") as out:
        subprocess.run([sys.executable, "-c", WRITES, log], stdout=out, stderr=out, check=True)


def test_a_daemon_that_runs_on_begins_its_log_anew(tmp_path: Path):
    log = tmp_path / "daemon.log"
    written(log, log)
    both = [tmp_path / "daemon.log.1", log]
    lines = "".join(file.read_text() for file in both).splitlines()
    assert lines[-1] == "and stdout"
    numbers = [int(line.rpartition(" ")[2]) for line in lines[:-1]]
    assert numbers == list(range(numbers[0], 2000)), "nothing is lost between the two"
    assert all(file.stat().st_size < 40_000 for file in both)
    assert log.stat().st_mode & 0o777 == 0o600
    assert {file.name for file in tmp_path.iterdir()} == {"daemon.log", "daemon.log.1"}


def test_another_file_that_it_writes_to_is_the_users_affair(tmp_path: Path):
    (tmp_path / "daemon.log").write_text("of another daemon")
    written(tmp_path / "daemon.log", tmp_path / "mine.txt")
    assert len((tmp_path / "mine.txt").read_text().splitlines()) == 2001
    assert (tmp_path / "daemon.log").read_text() == "of another daemon"
