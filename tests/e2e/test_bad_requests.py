"""What anybody may ask writes little: a thousand requests that are refused fill no log."""

import asyncio
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from paddock.api.client import Client
from paddock.cli.background.process import serve_command, spawn, wait_healthy
from tests.yard import places

LONG = "x" * 7000
BAD: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/status", {"headers": {"Authorization": "Bearer wrong"}}),
    ("GET", "/status", {"headers": {"Host": f"{LONG}.example"}}),
    ("POST", "/unload", {"headers": {"Origin": f"http://{LONG}"}}),
    ("GET", f"/{LONG}", {}),
    ("GET", f"/logs/{LONG}", {}),
    ("POST", "/v1/chat/completions", {"data": "{"}),
    ("POST", "/v1/chat/completions", {"json": {"model": LONG}}),
    ("POST", "/switch", {"json": {"model": LONG}}),
    ("DELETE", "/status", {}),
    ("POST", "/api/chat", {"json": {"model": f"\x1b[31m{LONG}\nforged"}}),
]
KEY = {"Authorization": "Bearer secret"}


@pytest.fixture
def daemon(tmp_path: Path, models: Path) -> Iterator[tuple[str, Path]]:
    """One in the background, with a log of its own; its address and that log."""
    paths = msgspec.structs.replace(
        places(tmp_path / "yard", "[alpha]\nmodel = alpha.gguf\n"), models_dir=models
    )
    paths.settings.write_text('management-keys = ["secret"]\nlog-size = 1\n')
    paths.settings.chmod(0o600)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    options = {
        "--config": paths.config,
        "--models-dir": paths.models_dir,
        "--state-dir": paths.state_dir,
        "--listen": listen,
    }
    paths.state_dir.mkdir(mode=0o700)
    (paths.state_dir / "daemon.log").write_bytes(b"long ago\n" * 200_000)
    words = [str(word) for pair in options.items() for word in pair]
    process = spawn(serve_command(*words), paths.state_dir)
    try:
        wait_healthy(process, Client(f"http://{listen}"), paths.state_dir)
        while not (paths.state_dir / "daemon.log.1").exists():  # pytest's own limit ends it
            time.sleep(0.02)
        yield f"http://{listen}", paths.state_dir / "daemon.log"
    finally:
        process.terminate()
        process.wait()


async def test_a_thousand_of_them_write_no_megabyte(daemon: tuple[str, Path]):
    url, log = daemon
    async with aiohttp.ClientSession() as http:
        for _ in range(1000 // len(BAD)):
            for method, path, more in BAD:
                given = {**more, "headers": {**KEY, **more.get("headers", {})}}
                async with http.request(method, url + path, **given) as reply:
                    assert 400 <= reply.status < 500, (path[:40], reply.status)
    async with asyncio.timeout(30):
        while "more lines of paddock.http.server like" not in log.read_text():
            await asyncio.sleep(0.05)
    assert log.stat().st_size < 400_000
    assert b"refused" not in log.with_name("daemon.log.1").read_bytes()


def test_a_log_from_before_is_put_aside_while_it_runs(daemon: tuple[str, Path]):
    _, log = daemon
    assert log.with_name("daemon.log.1").read_bytes().startswith(b"long ago\n")
    assert log.stat().st_size < 100_000
    assert log.stat().st_mode & 0o777 == 0o600
    assert log.with_name("daemon.log.1").stat().st_mode & 0o777 == 0o600
