"""Models in real containers, under Podman: as good as processes, and never left behind."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paddock.api.client import Client
from paddock.config.profile import Profile
from paddock.config.settings import Paths, load_settings
from paddock.engine.engines import Engines
from paddock.engine.launch import environment, rehearsal
from paddock.engine.trial_cases import of_file
from paddock.placement.rehearsal import Rehearsal
from tests.containers import IMAGE, Podman, labels, podman, why_not
from tests.yard import QUIET, Yard, places, process, yard

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "everything is here")

CONF = "[alpha]\nmodel = alpha.gguf\n[beta]\nmodel = beta.gguf\n[broken]\nmodel = broken.gguf\n"
SETTINGS = f"""
engine = "boxed"
max-instances = 1
[engines.boxed]
image = "{IMAGE}"
[engines.tight]
image = "{IMAGE}"
memory = 24
"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    with podman(tmp_path_factory.mktemp("p")) as found:
        yield found


@pytest.fixture(scope="module")
def answers(engine: Podman, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the image says of itself, asked once."""
    folder = tmp_path_factory.mktemp("answers")
    Engines({}, f"container:{IMAGE}", folder, engine.environ).find()
    return folder


@pytest.fixture
def paths(
    tmp_path: Path, models: Path, engine: Podman, answers: Path, monkeypatch: pytest.MonkeyPatch
) -> Paths:
    monkeypatch.setenv("DOCKER_HOST", engine.url)
    found = msgspec.structs.replace(places(tmp_path / "y", CONF), models_dir=models)
    shutil.copytree(answers, found.state_dir)
    found.settings.write_text(SETTINGS)
    return found


def serving(paths: Paths) -> Any:
    return yard(paths, settings=lambda: load_settings(paths.settings, QUIET))


def named(engine: Podman, word: str) -> list[str]:
    return [name for name in engine.running() if name.startswith(f"paddock-{word}-")]


async def gone(home: Yard, engine: Podman, word: str) -> None:
    """Its container is removed; nobody reports that."""
    await home.until(lambda _: not named(engine, word))


async def test_a_switch_goes_from_one_container_to_the_next(paths: Paths, engine: Podman):
    async with serving(paths) as home:
        assert await home.answer("alpha") == "I am alpha."
        [name] = named(engine, "alpha")
        status = await home.status()
        [live] = status.instances
        assert (live.engine, live.pid) == ("boxed", engine.pid(name)), "the server's own process"
        assert live.placement
        assert live.placement.buffers
        [host] = [device for device in status.devices if device.kind == "host"]
        assert host.used_mib[live.id] > 0
        assert labels(engine, name)["paddock.place"] == str(paths.runtime_dir)
        async with home.http.get(f"{home.url}/logs/alpha") as reply:
            assert "model loaded" in await reply.text()
        assert await home.answer("beta") == "I am beta."
        await gone(home, engine, "alpha")
        assert len(named(engine, "beta")) == 1
        reported = await home.get("/history/beta")
        assert [load["outcome"] for load in reported["loads"]] == ["ready"]
    assert named(engine, "beta") == [], "it ends with its daemon"


async def test_a_container_sees_its_own_socket_and_its_models_read_only(
    paths: Paths, engine: Podman
):
    async with serving(paths) as home:
        await home.answer("alpha")
        [name] = named(engine, "alpha")
        reported = engine(
            "inspect", "--format", "{{range .Mounts}}{{.Source}} {{.RW}};{{end}}", name
        )
        mounts = dict(mount.split() for mount in reported.strip().split(";") if mount)
        assert mounts[str(paths.runtime_dir / "1")] == "true"
        assert mounts[str(paths.models_dir)] == "false"
        assert str(paths.runtime_dir) not in mounts


async def test_its_context_is_saved_outside_of_it(paths: Paths, engine: Podman):
    conf = "[again]\nmodel = alpha.gguf\nkeep-context = on\nctx-size = 8192\n"
    paths.config.write_text(paths.config.read_text() + conf)
    messages = [{"role": "user", "content": "The horses stand and wait. " * 40}]
    async with serving(paths) as home:
        await home.answer("again", messages=messages)
        await home.answer("beta")
        _, reply = await home.ask("again", messages=messages)
        assert reply["timings"]["cache_n"] > 500


async def test_one_that_is_killed_from_outside_says_so(paths: Paths, engine: Podman):
    async with serving(paths) as home:
        await home.answer("alpha")
        [name] = named(engine, "alpha")
        async with home.http.get(f"{home.url}/events") as events:
            engine("kill", name)
            async for line in events.content:
                if b"instance-ended" in line:
                    break
            reported = await events.content.readline()
        assert b"was killed by signal 9" in reported
        await gone(home, engine, "alpha")
        assert await home.answer("alpha") == "I am alpha.", "and it can be loaded again"


async def test_a_load_that_fails_shows_the_last_lines_of_its_log(paths: Paths, engine: Podman):
    async with serving(paths) as home:
        status, result = await home.post("/switch", {"model": "broken", "force": True})
        assert status == 502
        assert "exited with code 1" in result["failure"]["message"]
        assert any("gguf" in line for line in result["failure"]["log"])
        await gone(home, engine, "broken")


async def test_one_that_is_out_of_memory_says_so(paths: Paths, engine: Podman):
    paths.config.write_text(
        paths.config.read_text() + "[big]\nmodel = alpha.gguf\nengine = tight\nctx-size = 32768\n"
    )
    async with serving(paths) as home:
        status, reply = await home.ask("big")
        assert status == 400
        assert "out of memory" in reply["error"]["message"], reply


async def test_an_image_that_is_not_here_is_an_error_with_the_remedy(paths: Paths):
    paths.settings.write_text(SETTINGS + '[engines.gone]\nimage = "localhost/none:1"\n')
    conf = paths.config.read_text()
    async with serving(paths) as home:
        paths.config.write_text(conf + "[gamma]\nmodel = gamma.gguf\nengine = gone\n")
        status = await home.until(lambda s: s.config.error is not None)
        assert status.config.error
        assert "there is no image localhost/none:1" in str(status.config.error.log)
        assert "podman pull localhost/none:1" in str(status.config.error.log)
        assert await home.answer("alpha") == "I am alpha."


def test_a_killed_daemon_takes_its_containers_over_and_sweeps_up_the_others(
    paths: Paths, engine: Podman
):
    with process(paths, "--engine", f"container:{IMAGE}") as first:
        assert Client(first.url).switch("alpha").outcome == "ready"
        [kept] = named(engine, "alpha")
        place = labels(engine, kept)["paddock.place"]
        left = ["--label", f"paddock.place={place}", "--label", "paddock.socket=/x"]
        engine("create", "--name", "paddock-left-1", *left, IMAGE, "llama-server", "--help")
        assert named(engine, "left") == ["paddock-left-1"]
        before = Client(first.url).status().instances[0].pid
        first.end(signal.SIGKILL)
        with process(paths, "--engine", f"container:{IMAGE}") as second:
            [live] = Client(second.url).status().instances
            assert (live.adopted, live.pid, live.phase) == (True, before, "ready")
            assert named(engine, "alpha") == [kept]
            assert named(engine, "left") == []
            Client(second.url).shutdown()
            second.popen.wait(30)
    assert named(engine, "alpha") == []


def runner(engine: Podman, *flags: str) -> "subprocess.Popen[bytes]":
    argv = [sys.executable, "-P", "-m", "paddock.engine.container_server", IMAGE, *flags]
    return subprocess.Popen(
        argv,
        env=engine.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_container_outlives_whoever_runs_it(
    number: signal.Signals, engine: Podman, models: Path, tmp_path: Path
):
    socket = tmp_path / "1" / "llama.sock"
    socket.parent.mkdir()
    flags = ("--model", str(models / "alpha.gguf"), "--host", str(socket), "--alias", "orphan")
    with runner(engine, *flags, "--ctx-size", "512") as server:
        assert server.stderr
        while b"listening" not in server.stderr.readline():
            pass
        assert len(named(engine, "orphan")) == 1
        server.send_signal(number)
        server.wait(30)
        assert server.stdin
        server.stdin.close()
    if number == signal.SIGKILL:
        wait_until_gone(engine, "orphan")
    assert named(engine, "orphan") == []


def wait_until_gone(engine: Podman, word: str) -> None:
    """By looking: a process that nobody waits for removes it."""
    end = 200
    while named(engine, word) and (end := end - 1):
        os.sched_yield()


def test_a_rehearsal_leaves_nothing(
    engine: Podman, models: Path, tmp_path: Path, answers: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DOCKER_HOST", engine.url)
    found = Engines({}, f"container:{IMAGE}", answers).find()
    profile: Profile = of_file("rehearsed", models / "alpha.gguf")
    argv = rehearsal(found, profile, socket=str(tmp_path / "r.sock"), changes=("--fit", "on"))
    before = engine.running()
    outcome = Rehearsal().run(argv, environment(found, os.environ))
    assert outcome.fit, outcome.reason
    assert engine.running() == before
