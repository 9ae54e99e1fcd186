"""Instances that hang: a real server stopped by SIGSTOP, and what is none of that."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paddock.core.model import InstanceId
from paddock.daemon.activity.requests import Requests
from paddock.daemon.activity.watchman import Watchman
from paddock.daemon.faults import Faults
from paddock.host.processes import computed_seconds
from tests.clock import SetClock
from tests.yard import Yard, places, yard

LONG = {"max_tokens": 30_000}
INSTANCE = InstanceId("m.1")
CONF = "[endless]\nmodel = endless.gguf\nctx-size = 32768\n[alpha]\nmodel = alpha.gguf\n"


@pytest.fixture
def paths(tmp_path: Path, models: Path):
    return msgspec.structs.replace(places(tmp_path / "yard", CONF), models_dir=models)


async def _stopped(home: Yard, *, served: int = 1) -> int:
    """Stop the process of `endless` once it serves; its pid."""
    await home.until(lambda s: any(i.leases == served for i in s.instances))
    pid = home.daemon.parts.registry[InstanceId("endless.1")].record.worker
    os.kill(pid, signal.SIGSTOP)
    return pid


async def test_one_that_hangs_is_ended_and_its_client_hears_it(paths):
    async with yard(paths, hang_timeout=1.0) as home, asyncio.TaskGroup() as group:
        asking = group.create_task(home.ask("endless", **LONG))
        pid = await _stopped(home)
        status, reply = await asking
        assert (status, reply["error"]["code"]) == (504, "instance_hangs")
        assert "for 1 s it sent, logged and computed nothing" in reply["error"]["message"]
        await home.until(lambda s: not s.instances)
        assert not Path(f"/proc/{pid}").exists()
        assert await home.answer("endless", max_tokens=2), "it is loaded anew when asked again"


async def test_a_stream_from_one_that_hangs_ends_with_the_reason(paths):
    async with yard(paths, hang_timeout=1.0) as home:
        body = {"model": "endless", "messages": [{"role": "user", "content": "hi"}], **LONG}
        url = home.url + "/v1/chat/completions"
        async with home.http.post(url, json=body | {"stream": True}) as reply:
            await reply.content.readuntil(b"\n\n")
            await _stopped(home)
            last = (await reply.read()).strip().rsplit(b"\n\n", 1)[-1]
    assert json.loads(last.removeprefix(b"data: "))["error"]["code"] == "instance_hangs"


async def test_one_that_hangs_keeps_no_other_model_waiting(paths):
    async with yard(paths, hang_timeout=1.0, max_instances=1) as home, asyncio.TaskGroup() as group:
        asking = group.create_task(home.ask("endless", **LONG))
        await _stopped(home)
        assert await home.answer("alpha") == "I am alpha."
        assert (await asking)[0] == 504


async def test_without_a_limit_nothing_hangs(paths):
    async with yard(paths, hang_timeout=0.0) as home, asyncio.TaskGroup() as group:
        asking = group.create_task(home.ask("endless", max_tokens=1000))
        pid = await _stopped(home)
        await asyncio.sleep(0.5)
        os.kill(pid, signal.SIGCONT)
        assert (await asking)[0] == 200


# ---- what counts as a sign of life ----


@dataclass
class Worker:
    worker: int


@dataclass
class Live:
    """As much of an instance as the watchman looks at."""

    record: Worker
    id: InstanceId = INSTANCE
    log_offset: int = 0
    hung: list[float] = field(default_factory=list)

    def end_hung(self, seconds: float) -> None:
        self.hung.append(seconds)


@dataclass
class Source:
    total_bytes: int = 0


@dataclass
class Reader:
    writing_paused: bool = False


@dataclass
class Watch:
    """A watchman over one process, with a clock of the test's."""

    live: Live
    now: float = 0.0

    def __post_init__(self) -> None:
        clock = SetClock(lambda: self.now)
        self.requests = Requests(clock)
        request = self.requests.enter("m", "openai", "", generates=True)
        request.instance = self.live.id
        request.source, request.reader = Source(), Reader()
        self.request: Any = request
        instances: Any = {self.live.id: self.live}
        self.watchman = Watchman(self.requests, instances, clock, Faults(), timeout=10.0)
        self.watchman.look()

    def after(self, seconds: float) -> list[float]:
        self.now += seconds
        self.watchman.look()
        return self.live.hung


def _process(code: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", code], start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def idle() -> Iterator[subprocess.Popen[bytes]]:
    yield from _process("import signal; signal.pause()")


@pytest.fixture
def busy() -> Iterator[subprocess.Popen[bytes]]:
    yield from _process("while True: pass")


@pytest.fixture
async def watch(idle: subprocess.Popen[bytes]) -> Watch:
    found = Watch(Live(Worker(idle.pid)))
    await asyncio.sleep(0.3)  # until Python has started
    found.after(0.1)
    return found


async def test_silence_counts_only_when_it_lasts(watch: Watch):
    assert watch.after(9.0) == []
    assert watch.after(2.0) == [10.0]


@pytest.mark.parametrize("sign", ["a byte", "a line"])
async def test_a_byte_or_a_line_of_its_log_is_a_sign_of_life(watch: Watch, sign: str):
    for _ in range(5):
        if sign == "a byte":
            watch.request.source.total_bytes += 1
        else:
            watch.live.log_offset += 1
        assert watch.after(9.0) == []


async def test_a_client_that_does_not_read_is_not_the_instances_fault(watch: Watch):
    watch.request.reader.writing_paused = True
    assert watch.after(100.0) == []
    watch.request.reader.writing_paused = False
    assert watch.after(5.0) == [], "its turn begins now"


async def test_nobody_hangs_who_was_asked_nothing(watch: Watch):
    watch.requests.leave(watch.request)
    assert watch.after(100.0) == []


async def test_a_new_request_is_no_sign_of_life(watch: Watch):
    assert watch.after(9.0) == []
    other = watch.requests.enter("m", "openai", "", generates=True)
    other.instance = watch.live.id
    assert watch.after(2.0) == [10.0]


async def test_to_compute_is_one_but_not_for_ever(busy: subprocess.Popen[bytes]):
    watch = Watch(Live(Worker(busy.pid)))
    for _ in range(5):
        await _computed(busy, seconds=0.2)
        assert watch.after(11.0) == []
    watch.now += 30 * 10.0
    await _computed(busy, seconds=4.0)
    assert watch.after(0.1) == [10.0]


async def _computed(process: subprocess.Popen[bytes], *, seconds: float) -> None:
    """Return once it has used so much more processor time."""
    until = computed_seconds(process.pid) + seconds
    while computed_seconds(process.pid) < until:
        await asyncio.sleep(0.02)
