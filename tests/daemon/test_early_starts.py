"""The next model's process begins while others leave for it, takes no memory, and is taken over or ended."""

import asyncio
import json
import os
import resource
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from paddock.config.settings import Paths
from paddock.llama.scripted import ScriptedModel, write
from tests.yard import Yard, engine_command, places, process, servers, wrapper, yard

pytestmark = pytest.mark.skipif(len(engine_command()) > 1, reason="needs a native llama-server")

CONF = """
[endless]
model = endless.gguf
ctx-size = 65536
[next]
model = next.gguf
[other]
model = other.gguf
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`endless` talks on; `next` and `other` take a while to load: 120 MiB."""
    folder = tmp_path_factory.mktemp("models")
    shape: Any = {"layers": 12, "embd": 512, "heads": 8, "kv_heads": 4, "ctx": 2048}
    for name in ("next", "other"):
        script = ScriptedModel(say=f"I am {name}.", name=name, target_mib=120, **shape)
        write(folder / f"{name}.gguf", script)
    write(folder / "endless.gguf", ScriptedModel(say="On.", name="endless", endless=True))
    return folder


@pytest.fixture
def paths(tmp_path: Path, models: Path) -> Paths:
    found = places(tmp_path / "yard", CONF)
    found.settings.write_text("max-instances = 1\nplan-ahead = false\n")  # for daemons of their own
    return msgspec.structs.replace(
        found, models_dir=models, runtime_dir=tmp_path / "yard" / "state" / "run"
    )


def is_behind_gate(pid: int) -> bool:
    return "/files/0/" in Path(f"/proc/{pid}/cmdline").read_text()


async def begun(paths: Paths) -> int:
    """The process that was started early, as soon as there is one."""
    async with asyncio.timeout(60):
        while True:
            for pid in servers(paths):
                with suppress(OSError):
                    if is_behind_gate(pid):
                        return pid
            await asyncio.sleep(0.01)


async def held(paths: Paths) -> int:
    """The same, once it has said that it loads its model: then it is about to open it, or waits for that."""
    pid = await begun(paths)
    words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    folder = next(Path(word).parents[2] for word in words if "/files/0/" in word)
    async with asyncio.timeout(60):
        while "loading" not in (folder / "state").read_text():
            await asyncio.sleep(0.01)
    return pid


async def ordered(home: Yard, name: str) -> None:
    """A switch to this one waits for others to leave."""
    await home.until(
        lambda _: any(p.id == name and p.state == "queued" for p in home.daemon.profiles())
    )


def has_model(pid: int) -> bool:
    """Whether it has its model's file, or takes as much memory as that would."""
    proc = Path(f"/proc/{pid}")
    rss = int((proc / "statm").read_text().split()[1]) * resource.getpagesize()
    return "next.gguf" in (proc / "maps").read_text() or rss > 100 << 20


async def until_gone(pid: int) -> None:
    async with asyncio.timeout(10):
        while Path(f"/proc/{pid}").exists():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def busy(home: Yard) -> AsyncIterator[aiohttp.ClientResponse]:
    """`endless` is in the middle of an answer."""
    body = {"model": "endless", "messages": [{"role": "user", "content": "go"}], "stream": True}
    async with home.http.post(home.url + "/v1/chat/completions", json=body) as reply:
        assert await reply.content.readline()
        yield reply


async def test_the_next_one_begins_while_another_is_served_and_is_taken_over(paths: Paths):
    async with yard(paths, max_instances=1) as home:
        async with busy(home):
            switch = asyncio.create_task(home.post("/switch", {"model": "next"}))
            early = await held(paths)
            assert not has_model(early)
            assert [i.profile for i in (await home.status()).instances] == ["endless"]
        status, _ = await switch
        assert status == 200
        [instance] = (await home.status()).instances
        assert (instance.id, instance.pid) == ("next.2", early)
        assert has_model(early)
        assert await home.answer("next") == "I am next."
        assert servers(paths) == [early]


async def test_one_that_is_not_wanted_any_more_leaves_nothing_behind(paths: Paths):
    async with yard(paths, max_instances=1, patience=0) as home, busy(home):
        for end in (cancelled, hung_up, forgotten):
            async with end(home):
                early = await held(paths)
                assert not has_model(early)
            await until_gone(early)
            await home.until(lambda s: not s.queue)
            assert [i.profile for i in (await home.status()).instances] == ["endless"]
        assert [f.name for f in (paths.state_dir / "instances").iterdir()] == ["1"]


@asynccontextmanager
async def cancelled(home: Yard) -> AsyncIterator[None]:
    await home.post("/switch", {"model": "next", "wait": False})
    yield
    await home.post("/cancel", {"model": "next"})


@asynccontextmanager
async def hung_up(home: Yard) -> AsyncIterator[None]:
    """Who asks ends before it is answered (Ctrl-C)."""
    asking = asyncio.create_task(home.answer("next"))
    yield
    asking.cancel()


@asynccontextmanager
async def forgotten(home: Yard) -> AsyncIterator[None]:
    """Its section is taken out of the file meanwhile."""
    await home.post("/switch", {"model": "next", "wait": False})
    yield
    text = home.paths.config.read_text()
    home.paths.config.write_text(text.replace("[next]\nmodel = next.gguf\n", ""))


async def test_another_version_takes_its_place(paths: Paths):
    async with yard(paths, max_instances=1) as home:
        async with busy(home):
            switch = asyncio.create_task(home.post("/switch", {"model": "next"}))
            first = await held(paths)
            changed = paths.config.read_text().replace("next.gguf", "next.gguf\nctx-size = 512")
            paths.config.write_text(changed)
            await until_gone(first)
            second = await held(paths)
        status, _ = await switch
        assert status == 200
        [instance] = (await home.status()).instances
        assert instance.pid == second
        assert "512" in Path(f"/proc/{second}/cmdline").read_text().split("\0")


async def test_one_that_dies_early_is_started_anew_in_its_turn(paths: Paths):
    async with yard(paths, max_instances=1) as home:
        async with busy(home):
            switch = asyncio.create_task(home.post("/switch", {"model": "next"}))
            early = await held(paths)
            os.kill(early, signal.SIGKILL)
            await until_gone(early)
        assert (await switch)[0] == 200
        assert await home.answer("next") == "I am next."
        assert not (await home.status()).faults


ENGINES = {
    "fails": ("exit 7", None),
    "dislikes": ('case "$*" in */files/0/*) exit 3;; esac; exec "$REAL" "$@"', "plain"),
    "fails once it goes on": (
        'for w; do case "$w" in */files/0/*) cat "$w" > /dev/null; exit 3;; esac; done; exec "$REAL" "$@"',
        "plain",
    ),
    "stays": ('"$REAL" "$@"; exit $?', "early"),
}


@pytest.mark.parametrize("name", ENGINES)
async def test_whatever_an_engine_makes_of_it_the_switch_ends_as_in_the_plain_order(
    tmp_path: Path, paths: Paths, name: str
):
    """It fails, fails only when it is started early, or does not become llama-server."""
    script, kind = ENGINES[name]
    engine = wrapper(tmp_path / "engine", script.replace("$REAL", engine_command()[0]))
    paths.config.write_text(
        f"{paths.config.read_text()}[odd]\nmodel = next.gguf\nengine = {engine}\n"
    )
    async with yard(paths, max_instances=1) as home:
        async with busy(home):
            switch = asyncio.create_task(home.post("/switch", {"model": "odd"}))
            await ordered(home, "odd")
            if kind == "early":
                await held(paths)
        status, job = await switch
        if kind is None:
            assert job["failure"]["message"] == "odd exited with code 7"
            return
        assert status == 200
        assert await home.answer("odd") == "I am next."
        assert [is_behind_gate(pid) for pid in servers(paths)] == [kind == "early"] * len(
            servers(paths)
        )


async def test_overlap_off_begins_nothing_early(paths: Paths):
    paths.config.write_text(paths.config.read_text().replace("[next]", "[next]\noverlap = off"))
    async with yard(paths, max_instances=1) as home:
        async with busy(home):
            switch = asyncio.create_task(home.post("/switch", {"model": "next"}))
            await ordered(home, "next")
        assert (await switch)[0] == 200
        [pid] = servers(paths)
        assert not is_behind_gate(pid)


async def test_an_idle_one_that_leaves_hides_the_start_of_the_next(paths: Paths):
    async with yard(paths, max_instances=1) as home:
        for turn in range(4):
            name = ("next", "other")[turn % 2]
            assert await home.answer(name) == f"I am {name}."
        [instance] = (await home.status()).instances
        assert servers(paths) == [instance.pid]


async def test_the_end_of_the_daemon_is_its_end(paths: Paths):
    async with yard(paths, max_instances=1) as home, busy(home):
        await home.post("/switch", {"model": "next", "wait": False})
        await held(paths)
    assert servers(paths) == []


async def test_a_daemon_that_keeps_its_models_keeps_none_that_was_only_begun(paths: Paths):
    with process(paths) as daemon:
        async with aiohttp.ClientSession() as http:
            home = Yard(daemon.url, http, paths)
            async with busy(home):
                await home.post("/switch", {"model": "next", "wait": False})
                early = await held(paths)
                await home.post("/shutdown", {"keep": True})
                assert daemon.popen.wait(20) == 0
        assert len(servers(paths)) == 1
        assert not Path(f"/proc/{early}").exists()


async def test_what_a_killed_daemon_had_begun_takes_no_memory_and_is_ended_by_the_next(
    paths: Paths,
):
    """The proof that nobody has to be quick: with the daemon dead before the process comes to its model."""
    with process(paths) as first:
        async with aiohttp.ClientSession() as http:
            home = Yard(first.url, http, paths)
            async with busy(home):
                await home.post("/switch", {"model": "next", "wait": False})
                early = await begun(paths)
                first.end(signal.SIGKILL)
            await held(paths)
            ticks = [ticks_of(early)]
            while len(ticks) < 10 or ticks[-1] != ticks[-10]:
                await asyncio.sleep(0.02)
                ticks.append(ticks_of(early))
            assert not has_model(early), "it waits in the kernel"
            record = json.loads((paths.state_dir / "instances/2/record.json").read_text())
            assert record["pid"] in (0, early), "it may be killed before it could write that"
            assert record["is_early"]
            with process(paths) as second:
                home = Yard(second.url, http, paths)
                await until_gone(early)
                assert [i.profile for i in (await home.status()).instances] == ["endless"]


def ticks_of(pid: int) -> int:
    """Of processor time."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])
