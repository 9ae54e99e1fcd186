"""A daemon's death, by order or by kill -9, drops no model: the next one takes them over."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import aiohttp
import msgspec
import pytest

from paddock.api.placement import Placement
from paddock.api.types import InstanceInfo
from paddock.atomic_write import atomic_write
from paddock.config.settings import Paths
from paddock.daemon.instances.records import Record
from paddock.llama.process import Identity
from tests.strangers import STRANGER, needs_root
from tests.yard import Process, Yard, places, process, servers, sweep, wrapper

CONF = """
[alpha]
model = alpha.gguf
[endless]
model = endless.gguf
"""


def here(tmp_path: Path, models: Path, conf: str = CONF):
    return msgspec.structs.replace(
        places(tmp_path / "yard", conf),
        models_dir=models,
        runtime_dir=tmp_path / "yard" / "state" / "run",
    )


async def _yard(daemon: Process, http: aiohttp.ClientSession) -> Yard:
    return Yard(daemon.url, http, daemon.paths)


def _lies(instance: InstanceInfo) -> Placement:
    """Where it lies; what its weights came from may be added a moment after it got ready."""
    assert instance.placement
    return msgspec.structs.replace(instance.placement, weights=None)


async def test_kill_9_while_ready(tmp_path: Path, models: Path):
    paths = here(tmp_path, models)
    async with aiohttp.ClientSession() as http:
        with process(paths) as first:
            before = await _yard(first, http)
            assert await before.answer("alpha") == "I am alpha."
            [instance] = (await before.status()).instances
            first.end(signal.SIGKILL)
            assert servers(paths) == [instance.pid]
            with process(paths) as second:
                after = await _yard(second, http)
                [adopted] = (await after.status()).instances
                assert (adopted.id, adopted.pid, adopted.phase) == (
                    "alpha.1",
                    instance.pid,
                    "ready",
                )
                assert adopted.adopted
                assert _lies(adopted) == _lies(instance)
                assert await after.answer("alpha") == "I am alpha."
                assert second.end(signal.SIGTERM) == 0
                assert servers(paths) == [], "SIGTERM ends the models too"


async def test_kill_9_while_loading(tmp_path: Path, models: Path):
    gate = tmp_path / "gate"
    slow = wrapper(tmp_path / "slow", f"until [ -e '{gate}' ]; do sleep 0.1; done")
    paths = here(tmp_path, models, f"[slow]\nmodel = alpha.gguf\nengine = {slow}\n")
    async with aiohttp.ClientSession() as http:
        with process(paths) as first:
            before = await _yard(first, http)
            await before.post("/switch", {"model": "slow", "wait": False})
            loading = await before.until_phase("slow", "starting")
            first.end(signal.SIGKILL)
            with process(paths) as second:
                after = await _yard(second, http)
                [adopted] = (await after.status()).instances
                assert (adopted.pid, adopted.phase) == (loading.instances[0].pid, "starting")
                gate.touch()
                assert await after.answer("slow") == "I am alpha."
                assert [i.id for i in (await after.status()).instances] == ["slow.1"]


async def test_kill_9_while_generating(tmp_path: Path, models: Path):
    paths = here(tmp_path, models)
    async with aiohttp.ClientSession() as http:
        with process(paths) as first:
            before = await _yard(first, http)
            body = {
                "model": "endless",
                "messages": [{"role": "user", "content": "go"}],
                "stream": True,
            }
            async with http.post(before.url + "/v1/chat/completions", json=body) as reply:
                assert await reply.content.readline()
                first.end(signal.SIGKILL)
                with pytest.raises(aiohttp.ClientError):
                    await reply.read()
            with process(paths) as second:
                after = await _yard(second, http)
                assert await after.answer("endless", max_tokens=8)
                assert [i.id for i in (await after.status()).instances] == ["endless.1"]


async def test_an_ordered_end_can_keep_the_models(tmp_path: Path, models: Path):
    paths = here(tmp_path, models)
    async with aiohttp.ClientSession() as http:
        with process(paths) as first:
            before = await _yard(first, http)
            await before.answer("alpha")
            await before.post("/shutdown", {"keep": True})
            assert first.popen.wait(20) == 0
            assert len(servers(paths)) == 1
            with process(paths) as second:
                after = await _yard(second, http)
                assert [i.id for i in (await after.status()).instances] == ["alpha.1"]
                await after.post("/unload", {})
                await after.until(lambda s: not s.instances)
                assert servers(paths) == []


async def test_an_instance_that_died_meanwhile_is_forgotten(tmp_path: Path, models: Path):
    paths = here(tmp_path, models)
    async with aiohttp.ClientSession() as http:
        with process(paths) as first:
            await (await _yard(first, http)).answer("alpha")
            first.end(signal.SIGKILL)
            sweep(paths)
            with process(paths) as second:
                after = await _yard(second, http)
                assert not (await after.status()).instances
                assert await after.answer("alpha") == "I am alpha."


async def test_an_instance_that_was_ready_and_hangs_is_reaped(tmp_path: Path, models: Path):
    """Also within half a minute after its start, in which one that loads need not listen yet."""
    paths = here(tmp_path, models)
    async with aiohttp.ClientSession() as http:
        with process(paths) as first:
            await (await _yard(first, http)).answer("alpha")
            [pid] = servers(paths)
            first.end(signal.SIGKILL)
            os.kill(pid, signal.SIGSTOP)
            with process(paths) as second:
                assert not (await (await _yard(second, http)).status()).instances
                assert servers(paths) == []


async def test_a_record_cut_short_still_leads_to_its_process(tmp_path: Path, models: Path):
    paths = here(tmp_path, models)
    async with aiohttp.ClientSession() as http:
        with process(paths) as first:
            await (await _yard(first, http)).answer("alpha")
            first.end(signal.SIGKILL)
            record = next((paths.state_dir / "instances").glob("*/record.json"))
            known = json.loads(record.read_text())
            record.write_text(json.dumps({**known, "pid": 0, "started": 0, "boot": ""}))
            with process(paths) as second:
                after = await _yard(second, http)
                assert [i.pid for i in (await after.status()).instances] == [known["pid"]]


def test_a_second_daemon_on_the_same_folder_is_refused(tmp_path: Path, models: Path):
    paths = here(tmp_path, models)
    with process(paths) as first:
        with pytest.raises(AssertionError, match=rf"pid {first.popen.pid}\) already runs"):
            Process(paths)
        assert json.load(urllib.request.urlopen(first.url + "/health"))


def test_an_address_that_is_taken_costs_nothing(tmp_path: Path, models: Path):
    paths = here(tmp_path, models)
    with process(paths) as first, socket.create_server(("127.0.0.1", 0)) as taken:
        urllib.request.urlopen(
            urllib.request.Request(
                first.url + "/switch",
                data=b'{"model": "alpha"}',
                headers={"content-type": "application/json"},
            )
        ).read()
        first.end(signal.SIGKILL)
        with pytest.raises(AssertionError, match="in use"):
            Process(paths, "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
        assert len(servers(paths)) == 1


# ---- whom a daemon ends, and whom it does not ----

BYSTANDER = [sys.executable, "-c", "import time; time.sleep(600)"]


def accuse(paths: Paths, process: "subprocess.Popen[bytes]", **known: object) -> Path:
    """A record that calls this process an instance that does not answer, as one that is to be ended."""
    identity = Identity.of(process.pid)
    assert identity is not None
    folder = paths.state_dir / "instances" / "1"
    folder.mkdir(parents=True, mode=0o700)
    record = {
        "instance": "alpha.1",
        "number": 1,
        "profile": "alpha",
        "fingerprint": "",
        "argv": BYSTANDER,
        "engine": "native",
        "engine_version": "",
        "socket": str(paths.runtime_dir / "1" / "llama.sock"),
        "size_mib": 1,
        "created": "2026-01-01T00:00:00.000Z",
        "stop_timeout": 1.0,
        "pid": identity.pid,
        "started": identity.started,
        "boot": identity.boot,
        **known,
    }
    msgspec.convert(record, Record)
    atomic_write(folder / "record.json", msgspec.json.encode(record))
    return folder / "record.json"


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours that is no instance."""
    process = subprocess.Popen(BYSTANDER, start_new_session=True)
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize("known", [{}, {"mark": "m" * 32}, {"argv": ["sleep"]}, {"pid": 0}])
async def test_a_process_that_only_a_record_calls_ours_is_left_alone(
    tmp_path: Path, models: Path, bystander: subprocess.Popen[bytes], known: dict[str, object]
):
    paths = here(tmp_path, models)
    paths.state_dir.mkdir(mode=0o700)
    accuse(paths, bystander, **known)
    async with aiohttp.ClientSession() as http:
        with process(paths) as daemon:
            home = await _yard(daemon, http)
            assert not (await home.status()).instances
            assert await home.answer("alpha") == "I am alpha.", "and its neighbours are served"
            assert bystander.poll() is None
            is_reported = f"process {bystander.pid} may be alpha.1" in daemon.log.read_text()
            assert is_reported == ("pid" not in known)


@needs_root
@pytest.mark.parametrize("whose", ["state", "instances", "1", "record.json"])
def test_a_record_of_another_user_ends_nobody(
    tmp_path: Path, models: Path, bystander: subprocess.Popen[bytes], whose: str
):
    paths = here(tmp_path, models)
    paths.state_dir.mkdir(mode=0o700)
    record = accuse(paths, bystander)
    [found] = [place for place in (record, *record.parents) if place.name == whose]
    os.chown(found, STRANGER, STRANGER)
    is_refused = whose in {"state", "instances"}
    refusal = pytest.raises(AssertionError, match=r"belongs to another user \(nobody\)")
    with refusal if is_refused else nullcontext(), process(paths):
        assert not is_refused
    assert bystander.poll() is None


async def test_a_model_of_an_older_daemon_is_proven_by_its_mark(tmp_path: Path, models: Path):
    paths = here(tmp_path, models)
    async with aiohttp.ClientSession() as http:
        with process(paths) as first:
            await (await _yard(first, http)).answer("alpha")
            [record] = (paths.state_dir / "instances").glob("*/record.json")
            known = json.loads(record.read_text())
            environ = Path(f"/proc/{known['pid']}/environ").read_text().split("\0")
            assert f"PADDOCK_INSTANCE={known['mark']}" in environ
            first.end(signal.SIGKILL)
            record.write_text(json.dumps({**known, "mark": "0" * 32}))
            with process(paths) as second:
                assert not (await (await _yard(second, http)).status()).instances
                assert servers(paths) == [known["pid"]]


async def test_both_daemons_number_instances_on(tmp_path: Path, models: Path):
    paths = here(tmp_path, models)
    async with aiohttp.ClientSession() as http:
        for expected in ("alpha.1", "alpha.2"):
            with process(paths) as daemon:
                home = await _yard(daemon, http)
                await home.answer("alpha")
                assert [i.id for i in (await home.status()).instances] == [expected]
                daemon.end(signal.SIGINT)
        await asyncio.sleep(0)
