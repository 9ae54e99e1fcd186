"""Logs read while they grow, are cut, end, and while others begin: real files, no daemon."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from paddock.daemon.logs.log_reading import LogReading, Run


class Place:
    """A folder of runs, as `Records` keeps them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs: list[Run] = []
        self._over: set[str] = set()

    def begin(self, name: str, text: str = "") -> Path:
        log = self.folder / name / "log"
        log.parent.mkdir()
        log.write_text(text)
        self.runs.append(Run(name, "noon", log, is_over=lambda: name in self._over))
        self._note(log)
        return log

    def end(self, name: str) -> None:
        self._over.add(name)
        self._note(self.folder / name / "log")

    def _note(self, log: Path) -> None:
        """A record is written beside its log, and put in its place whole."""
        part = log.with_name("record.json.part")
        part.touch()
        part.replace(log.with_name("record.json"))

    @property
    def every(self) -> LogReading:
        return LogReading(lambda: list(self.runs), place=self.folder)

    @property
    def latest(self) -> LogReading:
        run = self.runs[-1]
        return LogReading(lambda: [run])


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def append(log: Path, text: str) -> None:
    with log.open("a") as file:
        file.write(text)


def past(reading: LogReading, lines: int | None = None) -> str:
    return b"".join(reading.past(lines)).decode()


async def until(news: AsyncIterator[bytes], end: str) -> str:
    """What comes, up to these words."""
    received = ""
    async with asyncio.timeout(10):
        while not received.endswith(end):
            received += (await anext(news)).decode()
    return received


def test_several_runs_are_parted_by_a_line(place: Place):
    place.begin("a.1", "one\ntwo\n")
    place.begin("b.2")
    place.begin("a.3", "three\n")
    whole = "── a.1, begun noon ──\none\ntwo\n── a.3, begun noon ──\nthree\n"
    assert past(place.every) == whole
    assert past(place.latest) == "three\n", "a single one has no heading"


def test_the_last_lines_reach_back_over_runs_and_over_a_cut(place: Place):
    log = place.begin("a.1", "three\nfour\n")
    log.with_name("log.1").write_text("one\ntwo\n")
    place.begin("b.2", "five\n")
    assert past(place.every, 1) == "── b.2, begun noon ──\nfive\n"
    received = past(place.every, 4)
    assert received == "── a.1, begun noon ──\ntwo\nthree\nfour\n── b.2, begun noon ──\nfive\n"
    assert past(place.every, 0) == ""
    assert past(place.every, 99).count("\n") == 7


async def test_what_is_written_between_past_and_future_is_not_missed(place: Place):
    log = place.begin("a.1", "one\n")
    reading = place.latest
    assert past(reading) == "one\n"
    append(log, "two\n")
    news = reading.follow()
    assert await until(news, "two\n") == "two\n"
    append(log, "three\n")
    assert await until(news, "three\n") == "three\n"
    await news.aclose()


async def test_a_single_run_is_followed_to_its_last_word(place: Place):
    log = place.begin("a.1")
    reading = place.latest
    news = reading.follow()
    append(log, "farewell\n")
    place.end("a.1")
    async with asyncio.timeout(10):
        assert b"".join([piece async for piece in news]) == b"farewell\n"


async def test_one_that_had_ended_before_is_not_waited_for(place: Place):
    place.begin("a.1", "one\n")
    place.end("a.1")
    reading = place.latest
    assert past(reading) == "one\n"
    async with asyncio.timeout(10):
        assert [piece async for piece in reading.follow()] == []


async def test_a_run_that_begins_later_is_gone_on_with(place: Place):
    first = place.begin("a.1", "one\n")
    reading = place.every
    assert past(reading).endswith("one\n")
    news = reading.follow()
    append(first, "cut off")
    assert await until(news, "off") == "cut off"
    second = place.begin("b.2", "here ")
    assert await until(news, "here ") == "\n── b.2, begun noon ──\nhere "
    append(second, "I am\n")
    assert await until(news, "am\n") == "I am\n"
    append(first, "me too\n")
    assert await until(news, "too\n") == "── a.1, begun noon ──\nme too\n"
    await news.aclose()


async def test_into_an_empty_place_the_first_one_comes(place: Place):
    reading = place.every
    assert past(reading, 10) == ""
    news = reading.follow()
    waiting = asyncio.ensure_future(until(news, "hello\n"))
    await asyncio.sleep(0)
    append(place.begin("a.1"), "hello\n")
    assert await waiting == "── a.1, begun noon ──\nhello\n"
    await news.aclose()


async def test_a_log_that_is_cut_goes_on_from_its_new_beginning(place: Place):
    log = place.begin("a.1", "a long line of before\n")
    reading = place.latest
    past(reading)
    news = reading.follow()
    log.write_text("anew\n")
    assert await until(news, "anew\n") == "anew\n"
    await news.aclose()
