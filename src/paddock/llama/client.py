"""llama-server's own HTTP API over an instance's Unix socket: only what Paddock itself asks."""

import asyncio
from typing import Literal

import aiohttp

BASE_URL = "http://instance"
_KEPT_ALIVE = 4.0  # seconds; llama-server closes a connection that was idle for 5
Health = Literal["ready", "loading", "silent"]


def connect(socket: str) -> aiohttp.ClientSession:
    """A session whose every connection goes to `socket`; no limits and no time-outs of its own."""
    return aiohttp.ClientSession(
        connector=aiohttp.UnixConnector(socket, limit=0, keepalive_timeout=_KEPT_ALIVE),
        timeout=aiohttp.ClientTimeout(),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
    )


async def health(session: aiohttp.ClientSession, *, within: float = 5.0) -> Health:
    """What `/health` says; `silent` where nobody listens or answers in time."""
    try:
        async with asyncio.timeout(within), session.get(f"{BASE_URL}/health") as reply:
            return "ready" if reply.status == 200 else "loading"
    except (TimeoutError, OSError, aiohttp.ClientError):
        return "silent"
