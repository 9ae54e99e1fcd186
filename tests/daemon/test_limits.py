"""A machine with little left: of inotify, of descriptors, of its disk. Real limits, in namespaces of their own."""

import asyncio
import resource
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import pytest

from tests.yard import HEADER, Process, Yard, places, process

CONF = "[alpha]\nmodel = alpha.gguf\n[endless]\nmodel = endless.gguf\nctx-size = 262144\n"
MORE = "[beta]\nmodel = beta.gguf\n"


def can(*command: str) -> bool:
    """Whether this machine lets us make such a namespace."""
    return (
        shutil.which("unshare") is not None
        and subprocess.run(["unshare", *command, "true"], capture_output=True).returncode == 0
    )


@asynccontextmanager
async def home_of(daemon: Process) -> AsyncIterator[Yard]:
    async with aiohttp.ClientSession() as http:
        yield Yard(daemon.url, http, daemon.paths)


def here(tmp_path: Path, models: Path):
    return msgspec.structs.replace(places(tmp_path / "yard", CONF), models_dir=models)


# ---- inotify ----


@pytest.mark.skipif(not can("--user", "--map-root-user"), reason="no user namespaces here")
@pytest.mark.parametrize(
    ("file", "left", "setting"),
    [
        ("max_inotify_instances", 0, "max_user_instances"),
        ("max_inotify_instances", 1, "max_user_instances"),
        ("max_inotify_instances", 2, "max_user_instances"),
        ("max_inotify_watches", 0, "max_user_watches"),
        ("max_inotify_watches", 4, "max_user_watches"),
    ],
)
async def test_without_inotify_files_are_looked_at(
    file: str, left: int, setting: str, tmp_path: Path, models: Path
):
    limit = f'echo {left} > /proc/sys/user/{file}; exec "$@"'
    under = ["unshare", "--user", "--map-root-user", "sh", "-c", limit, "sh"]
    with process(here(tmp_path, models), under=under) as daemon:
        async with home_of(daemon) as home:
            assert await home.answer("alpha") == "I am alpha."
            daemon.paths.config.write_text(HEADER + CONF + MORE)
            await home.until(lambda s: s.config.loaded_at and not s.config.error)
            async with asyncio.timeout(30):
                while (await home.ask("beta"))[0] == 404:
                    await asyncio.sleep(0.1)
            assert await home.answer("beta") == "I am beta."
            assert await follows_its_log(home)
            assert not (await home.status()).faults
        log = daemon.log.read_text()
        assert "Traceback" not in log
        assert log.count(setting) == 1, "said once, with the name of what to raise"


async def follows_its_log(home: Yard) -> bool:
    """Whether a follower of a log gets what a new request writes there."""
    async with home.http.get(home.url + "/logs/alpha?follow=true&lines=0") as reply:
        await home.answer("alpha")
        async with asyncio.timeout(30):
            return bool(await reply.content.readany())


# ---- descriptors ----


async def test_too_few_descriptors_end_no_model_and_no_reply(tmp_path: Path, models: Path):
    with process(here(tmp_path, models)) as daemon:
        pid = daemon.popen.pid
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        async with home_of(daemon) as home:
            body = {"model": "endless", "stream": True, "prompt": "go", "max_tokens": 250_000}
            async with home.http.post(home.url + "/v1/completions", json=body) as reply:
                await reply.content.readany()
                daemon.paths.config.write_text(HEADER + CONF + MORE)  # and so plans are made anew
                resource.prlimit(pid, resource.RLIMIT_NOFILE, (20, hard))
                for _ in range(30):
                    await asyncio.sleep(0.1)
                    assert await reply.content.readany(), "it goes on"
                resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))
                assert await home.answer("alpha") == "I am alpha."
                assert await reply.content.readany()
        assert daemon.popen.poll() is None


async def test_the_soft_limit_of_descriptors_is_raised_at_the_start(tmp_path: Path, models: Path):
    under = ["prlimit", "--nofile=256:4096"]
    with process(here(tmp_path, models), under=under) as daemon:
        assert resource.prlimit(daemon.popen.pid, resource.RLIMIT_NOFILE) == (4096, 4096)


# ---- the disk ----


@pytest.mark.skipif(not can("--mount"), reason="no mount namespaces here")
async def test_a_full_disk_evicts_nobody_and_is_forgotten_when_there_is_room(
    tmp_path: Path, models: Path
):
    paths = here(tmp_path, models)
    state = paths.state_dir
    mount = f'mount -t tmpfs -o size=40m none "{state}" && exec "$@"'
    under = ["unshare", "--mount", "sh", "-c", mount, "sh"]
    paths.settings.write_text("max-instances = 1\n")
    with process(paths, under=under) as daemon:
        disk = Path(f"/proc/{daemon.popen.pid}/root{state}")
        async with home_of(daemon) as home:
            assert await home.answer("alpha") == "I am alpha."
            fill(disk)
            (disk / "reserve").unlink()  # and even the reserve was needed for something
            fill(disk)
            status, reply = await home.ask("endless", max_tokens=1)
            assert (status, reply["error"]["code"]) == (400, "state_unwritable")
            assert "free at least" in str(reply)
            assert [i.id for i in (await home.status()).instances] == ["alpha.1"], "nobody left"
            assert await home.answer("alpha") == "I am alpha."
            for part in disk.glob("full-*"):
                part.unlink()
            assert (await home.ask("endless", max_tokens=1))[0] == 200, "at once: no back-off"
            fill(disk)
            status, reply = await home.ask("alpha")
            assert status == 200, f"the reserve is for this: {reply}"


def fill(disk: Path) -> None:
    """Until not a page is left."""
    with (disk / f"full-{len(list(disk.iterdir()))}").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            return
