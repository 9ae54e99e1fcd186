#!/usr/bin/env python3
"""Stand between a client and Paddock, and write down what the client sends: tests/e2e/recorded/.

    tools/record.py --client 'Open WebUI 0.12.4' --to http://127.0.0.1:8080 --out open-webui.json

then point the client at http://127.0.0.1:8079. Ctrl-C ends it. Keys are left out; of several requests
that differ in nothing but their text, all are kept: shorten the file by hand.
"""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

# What names the machine, holds a secret, or is the connection's own affair.
LEFT_OUT = {"host", "authorization", "x-api-key", "cookie", "content-length", "connection"}
HOP = {"transfer-encoding", "content-encoding", "content-length", "connection"}


class Recorder:
    """Relays everything, and remembers the requests."""

    def __init__(self, to: str) -> None:
        self.to = to
        self.requests: list[dict[str, Any]] = []

    async def relay(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self._note(request, body)
        headers = {k: v for k, v in request.headers.items() if k.lower() not in {"host", *HOP}}
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout()) as http,
            http.request(
                request.method, self.to + request.path_qs, headers=headers, data=body
            ) as r,
        ):
            kept = {k: v for k, v in r.headers.items() if k.lower() not in HOP}
            response = web.StreamResponse(status=r.status, headers=kept)
            await response.prepare(request)
            async for chunk in r.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response

    def _note(self, request: web.Request, body: bytes) -> None:
        headers = {k: v for k, v in request.headers.items() if k.lower() not in LEFT_OUT}
        noted: dict[str, Any] = {
            "request": f"{request.method} {request.path_qs}",
            "headers": headers,
        }
        if body:
            noted["body"] = json.loads(body)
        self.requests.append(noted)
        sys.stderr.write(f"{noted['request']}\n")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--client", required=True, help="its name and version")
    parser.add_argument("--to", default="http://127.0.0.1:8080", help="where Paddock answers")
    parser.add_argument("--port", type=int, default=8079, help="where the client is to ask")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    recorder = Recorder(options.to)
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", recorder.relay)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", options.port).start()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    await runner.cleanup()
    record = {
        "client": options.client,
        "source": "tools/record.py",
        "exchanges": recorder.requests,
    }
    options.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
