"""Every switch is written down with its phases: where its seconds went, and what it made read again."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from paddock.api.events import AnyEvent, SwitchEnded
from paddock.api.switches import PhaseName, SwitchEntry
from paddock.cli.output.switches import _PHASES
from paddock.config.settings import Paths
from paddock.daemon.activity.course import Course
from paddock.daemon.history.store import HistoryStore
from tests.yard import Yard, places, yard

CONF = """
[alpha]
model = alpha.gguf
ctx-size = 4096
keep-context = off
[kept]
model = alpha.gguf
ctx-size = 4096
keep-context = on
[beta]
model = beta.gguf
[broken]
model = nowhere.gguf
"""
LONG = "The horses stand in the paddock and wait for their turn. " * 20
MANY = 700  # of its some 820 tokens


@pytest.fixture
def paths(tmp_path: Path, models: Path) -> Paths:
    return msgspec.structs.replace(places(tmp_path / "yard", CONF), models_dir=models)


async def turn(home: Yard, model: str, text: str = LONG) -> dict[str, Any]:
    messages = [{"role": "user", "content": text}]
    status, reply = await home.ask(model, messages=messages, max_tokens=4)
    assert status == 200, reply
    await past(
        home, f"?model={model}&limit=1", complete=1
    )  # its log is read a moment after the reply
    return dict(reply["timings"])


async def past(home: Yard, query: str = "", *, complete: int = 0) -> list[SwitchEntry]:
    """What the API says of switches, once so many of them have their first token."""
    found: list[SwitchEntry] = []

    async def is_complete() -> bool:
        found[:] = msgspec.convert(
            (await home.get(f"/switches{query}"))["switches"], list[SwitchEntry]
        )
        return len([e for e in found if e.prompt_tokens is not None]) >= complete

    for _ in range(200):
        await home.daemon.chronicle.finish()
        if await is_complete():
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(found)


async def end_of_switch(events: AsyncIterator[AnyEvent]) -> SwitchEnded:
    async for event in events:
        if isinstance(event, SwitchEnded):
            return event
    raise AssertionError("the bus was closed")


def names(entry: SwitchEntry) -> list[str]:
    return [phase.name for phase in entry.phases]


async def test_phases_follow_each_other_and_make_up_the_switch(paths: Paths):
    async with yard(paths, max_instances=1) as home:
        await turn(home, "beta", "Who are you?")
        with home.daemon.bus.subscribe() as events:
            await anext(events)
            await turn(home, "alpha")
            ended = await end_of_switch(events)
        alpha, beta = await past(home, complete=2)
        assert (await past(home, "?model=beta")) == [beta]
    assert (alpha.profile, alpha.outcome, alpha.left) == ("alpha", "ready", ["beta"])
    *before, first = alpha.phases
    assert first.name == "first-token"
    assert first.seconds > 0
    assert sum(phase.seconds for phase in before) == pytest.approx(alpha.seconds, abs=0.02)
    assert ended.phases == before
    order = sorted(names(alpha), key=get_args(PhaseName).index)
    assert [n for n in dict.fromkeys(names(alpha)) if n in ("stopping", "memory", "starting")] == [
        n for n in dict.fromkeys(order) if n in ("stopping", "memory", "starting")
    ]
    assert {"stopping", "starting", "first-token"} <= {*names(alpha)}
    assert "stopping" not in names(beta)
    assert len(alpha.waits) == 1
    assert alpha.waits[0] == pytest.approx(alpha.seconds, abs=0.2)
    assert (alpha.prompt_tokens or 0) > MANY
    assert alpha.read_again is None, "nobody had read it before"


async def test_what_is_read_again_after_a_switch_is_counted(paths: Paths):
    async with yard(paths, max_instances=1) as home:
        await turn(home, "alpha")
        await turn(home, "beta", "Hi.")
        timings = await turn(home, "alpha", LONG + "And then?")
        alpha, *_ = await past(home, complete=3)
    assert alpha.prompt_tokens == timings["prompt_n"]
    assert MANY < (alpha.read_again or 0) < timings["prompt_n"], "but for what is new"
    assert 0 < (alpha.read_again_seconds or 0) < timings["prompt_ms"] / 1000


async def test_another_conversation_is_not_read_again(paths: Paths):
    async with yard(paths, max_instances=1) as home:
        for model, text in (("alpha", LONG), ("beta", "Hi."), ("alpha", "Somebody else.")):
            await turn(home, model, text)
        alpha, *_ = await past(home, complete=3)
    assert alpha.read_again is None


async def test_a_kept_context_is_restored_and_not_read_again(paths: Paths):
    async with yard(paths, max_instances=1) as home:
        for model, text in (("kept", LONG), ("beta", "Hi."), ("kept", LONG + "And then?")):
            await turn(home, model, text)
        kept, beta, _ = await past(home, complete=3)
    assert "saving" in names(beta)
    assert "restoring" in names(kept)
    assert (kept.read_again or 0) < MANY / 10


async def test_a_switch_that_fails_is_written_down_too(paths: Paths):
    async with yard(paths, max_instances=1) as home:
        await home.post("/switch", {"model": "broken", "force": True})
        [broken] = await past(home)
        assert await home.get("/switches?model=alpha") == {"switches": []}
        assert "error" in await home.get("/switches?model=never")
    assert (broken.outcome, broken.waits, broken.prompt_tokens) == ("failed", [], None)


async def test_a_history_of_an_older_paddock_takes_switches_and_only_the_newest_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("paddock.daemon.history.store._SWITCHES", 2)
    path = tmp_path / "history.sqlite"
    await (await HistoryStore.open(path)).close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("DROP TABLE switches")
    history = await HistoryStore.open(path)
    for number in range(4):
        at = f"2026-11-2{number}T00:00:00Z"
        await history.add_switch(
            SwitchEntry(profile="a", instance="a.1", ended_at=at, seconds=number, outcome="ready")
        )
    assert [entry.seconds for entry in await history.switches("a")] == [3, 2]
    assert [entry.seconds for entry in await history.switches(since="2026-11-23")] == [3]
    await history.close()


def test_a_course_loses_no_time_and_names_no_moment():
    course = Course(10.0)
    course.enter("queued", "", 11.0)
    course.enter("queued", "", 12.0)
    course.enter("draining", "b", 13.0)
    course.enter("stopping", "b", 13.0001)
    phases = course.end(14.0)
    assert [(p.name, p.part, p.seconds) for p in phases] == [
        ("queued", "", 3.0),
        ("stopping", "b", 1.0),
    ]


def test_a_long_wait_is_bounded_and_still_adds_up():
    course = Course(0.0)
    for second in range(500):
        course.enter("draining", f"model-{second}", float(second))
    phases = course.end(500.0)
    assert len(phases) <= 61
    assert sum(phase.seconds for phase in phases) == 500.0


def test_the_table_knows_every_phase():
    assert get_args(PhaseName) == _PHASES
