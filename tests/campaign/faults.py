"""What happens to programs and what people order: one function a fault. `Ground.heal` mends what is left."""

import asyncio
import os
import random
import signal
from contextlib import suppress

import aiohttp

from tests.campaign.ground import Ground
from tests.campaign.surroundings import SURROUNDINGS, Fault


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
    await _order(ground, "/switch", {"model": rng.choice(list(ground.says)), "wait": False})


async def unload_now(ground: Ground, rng: random.Random) -> None:
    await _order(ground, "/unload", {"model": rng.choice(list(ground.says)), "now": True})


async def unload_all(ground: Ground, _: random.Random) -> None:
    await _order(ground, "/unload", {})


async def cancel(ground: Ground, _: random.Random) -> None:
    await _order(ground, "/cancel", {})


async def kill_the_daemon_as_an_instance_leaves(ground: Ground, rng: random.Random) -> None:
    """Its context may be half written."""
    await _killed_amid(ground, rng, "/unload", {"model": rng.choice(["alpha", "beta"])})


async def yield_the_gpus(ground: Ground, rng: random.Random) -> None:
    """For a moment, for a while, or until the round ends."""
    await _order(ground, "/yield", _yield(rng))
    await asyncio.sleep(rng.uniform(0, 1))
    if rng.random() < 0.7:
        await _order(ground, "/resume", {})


async def kill_the_daemon_as_the_gpus_are_yielded(ground: Ground, rng: random.Random) -> None:
    await _killed_amid(ground, rng, "/yield", _yield(rng))
    if rng.random() < 0.5:
        await _killed_amid(ground, rng, "/resume", {})


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
        kill_the_daemon_as_an_instance_leaves,
        yield_the_gpus,
        kill_the_daemon_as_the_gpus_are_yielded,
        *SURROUNDINGS,
    )
}


def _signal_one(ground: Ground, rng: random.Random, number: signal.Signals) -> None:
    if pids := ground.servers():
        with suppress(ProcessLookupError):
            os.kill(rng.choice(sorted(pids)), number)


def _yield(rng: random.Random) -> dict[str, object]:
    seconds = rng.choice([None, 0.3, 2.0])
    return {"seconds": seconds, "now": rng.random() < 0.5, "wait": False, "by": "a campaign"}


async def _killed_amid(
    ground: Ground, rng: random.Random, path: str, body: dict[str, object]
) -> None:
    """The daemon is killed some milliseconds after it was given an order."""
    order = asyncio.create_task(_order(ground, path, body))
    await asyncio.sleep(rng.choice([0.0, 0.005, 0.02, 0.05, 0.1, 0.2]))
    await _again(ground, signal.SIGKILL)
    await order


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
