"""What happens in a campaign: one function a fault. Each leaves the world as it likes; `Ground.heal` mends it."""

import asyncio
import os
import random
import resource
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress

import aiohttp

from tests.campaign.ground import SAYS, Ground

Fault = Callable[[Ground, random.Random], Awaitable[None]]


async def kill_a_server(ground: Ground, rng: random.Random) -> None:
    _signal_one(ground, rng, signal.SIGKILL)


async def stop_a_server(ground: Ground, rng: random.Random) -> None:
    """It hangs for a while."""
    _signal_one(ground, rng, signal.SIGSTOP)
    await asyncio.sleep(rng.uniform(0.2, 1.0))
    for pid in ground.servers():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


async def kill_the_daemon(ground: Ground, _: random.Random) -> None:
    """As the kernel does when memory is short; the next one takes over what runs."""
    await _again(ground, signal.SIGKILL)


async def end_the_daemon(ground: Ground, _: random.Random) -> None:
    await _again(ground, signal.SIGTERM)


async def switch(ground: Ground, rng: random.Random) -> None:
    await _order(ground, "/switch", {"model": rng.choice(list(SAYS)), "wait": False})


async def unload_now(ground: Ground, rng: random.Random) -> None:
    await _order(ground, "/unload", {"model": rng.choice(list(SAYS)), "now": True})


async def unload_all(ground: Ground, _: random.Random) -> None:
    await _order(ground, "/unload", {})


async def cancel(ground: Ground, _: random.Random) -> None:
    await _order(ground, "/cancel", {})


async def fill_the_disk(ground: Ground, rng: random.Random) -> None:
    if ground.disk:
        with (ground.disk / "full-1").open("wb", buffering=0) as file, suppress(OSError):
            while file.write(b"\0" * 65536):
                pass
        await asyncio.sleep(rng.uniform(0.2, 1.5))
        (ground.disk / "full-1").unlink()


async def few_descriptors(ground: Ground, rng: random.Random) -> None:
    with suppress(ProcessLookupError):
        _, hard = resource.prlimit(ground.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(ground.pid, resource.RLIMIT_NOFILE, (rng.choice([12, 20, 40]), hard))
        await asyncio.sleep(rng.uniform(0.2, 1.0))
        resource.prlimit(ground.pid, resource.RLIMIT_NOFILE, (hard, hard))


async def break_the_configuration(ground: Ground, rng: random.Random) -> None:
    conf = ground.paths.config
    match rng.randrange(4):
        case 0:
            ground.write_conf("[alpha\nno such thing")
        case 1:
            conf.unlink()
        case 2:
            conf.unlink()
            conf.symlink_to(conf)
        case _:
            ground.write_conf("[alpha]\nmodel = alpha.gguf\nctx-size = 512\nthreads = 1\n")
    await asyncio.sleep(rng.uniform(0, 0.5))
    if conf.is_symlink():
        conf.unlink()
    ground.write_conf(ground.conf)


async def send_half_a_request(ground: Ground, rng: random.Random) -> None:
    """And go on holding the connection, for a moment."""
    host, port = ground.url.removeprefix("http://").split(":")
    with suppress(OSError):
        _reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Le")
        await asyncio.sleep(rng.uniform(0, 0.3))
        writer.close()


FAULTS: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (
        kill_a_server,
        stop_a_server,
        kill_the_daemon,
        end_the_daemon,
        switch,
        unload_now,
        unload_all,
        cancel,
        fill_the_disk,
        few_descriptors,
        break_the_configuration,
        send_half_a_request,
    )
}


def _signal_one(ground: Ground, rng: random.Random, number: signal.Signals) -> None:
    if pids := ground.servers():
        with suppress(ProcessLookupError):
            os.kill(rng.choice(sorted(pids)), number)


async def _again(ground: Ground, number: signal.Signals) -> None:
    await asyncio.to_thread(ground.end, number)
    await asyncio.to_thread(ground.start)


async def _order(ground: Ground, path: str, body: dict[str, object]) -> None:
    """A person's order; that it is refused is no matter here."""
    with suppress(aiohttp.ClientError, OSError, TimeoutError):
        async with (
            asyncio.timeout(60),
            aiohttp.ClientSession() as http,
            http.post(ground.url + path, json=body) as reply,
        ):
            await reply.read()
