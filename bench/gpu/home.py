"""A daemon for one block, and what is asked of it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

_SOON = 60.0  # seconds for anything to come to its end


class Home:
    """A daemon and its answers."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url, self._http = url, http

    async def get(self, path: str) -> Any:
        async with self._http.get(self.url + path) as reply:
            return await reply.json()

    async def post(self, path: str, body: Any) -> tuple[int, Any]:
        async with self._http.post(self.url + path, json=body) as reply:
            return reply.status, await reply.json()

    async def ask(self, model: str, tokens: int = 64) -> tuple[int, Any]:
        body = {
            "model": model,
            "messages": [{"role": "user", "content": "hi"}],
            "max_tokens": tokens,
        }
        return await self.post("/v1/chat/completions", body)

    async def load(self, model: str) -> dict[str, Any]:
        """The instance once it was judged with a speed."""
        await self.post("/switch", {"model": model})
        async with asyncio.timeout(_SOON):
            while True:
                for instance in (await self.get("/status"))["instances"]:
                    verdict = instance.get("verdict") or {}
                    if instance["profile"] == model and verdict.get("samples"):
                        return dict(instance)
                await asyncio.sleep(0.2)

    async def empty(self) -> None:
        await self.post("/unload", {})
        async with asyncio.timeout(_SOON):
            while (await self.get("/status"))["instances"]:  # noqa: ASYNC110  # simpler than events
                await asyncio.sleep(0.1)


@asynccontextmanager
async def home(folder: Path, engine: Path, conf: str) -> AsyncIterator[Home]:
    """A daemon with these profiles and no other memory than this block's."""
    config = folder / "models.conf"
    config.write_text(f"[*]\n{conf}")
    (folder / "paddock.toml").write_text("plan-ahead = false\nprobe-after = 0.3\n")
    log = folder / "daemon.log"
    argv = [
        sys.executable, "-m", "paddock", "serve", "--config", str(config), "--models-dir",
        str(folder.parent / "models"), "--state-dir", str(folder / "state"),
        "--listen", "127.0.0.1:0", "--engine", str(engine),
    ]  # fmt: skip
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(*argv, stdout=file, stderr=file)
    try:
        async with aiohttp.ClientSession() as http:
            yield Home(await _address(process, log), http)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _address(process: asyncio.subprocess.Process, log: Path) -> str:
    """Where it answers, as its log says."""
    for _ in range(1200):
        if "answers at " in (text := log.read_text()):  # noqa: ASYNC240  # a short file
            return text.split("answers at ")[1].split()[0]
        if process.returncode is not None:
            raise SystemExit(text)
        await asyncio.sleep(0.05)
    raise SystemExit("the daemon did not start within a minute")
