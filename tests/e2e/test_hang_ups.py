"""Clients that leave: their generation ends at once, a load never does, and nothing stays behind."""

import asyncio

import pytest

from paddock.api.types import Status
from tests.e2e.engines import gate
from tests.e2e.wire import CHAT, HELLO, head, line, post
from tests.yard import Yard

ENDLESS = {"model": "endless", "messages": HELLO, "max_tokens": 10_000_000}


@pytest.mark.parametrize("rudely", [False, True], ids=["close", "reset"])
async def test_a_hang_up_while_a_model_loads_leaves_the_load_alone(home, tmp_path, rudely):
    held = gate(tmp_path)
    async with home(held.profile("slow")) as yard, line(yard.url) as client:
        await client.send(post(CHAT, {"model": "slow", "messages": HELLO}))
        await yard.until(lambda s: s.queue.get("slow") == 1)
        client.hang_up(rudely=rudely)
        await yard.until(lambda s: not s.queue)
        held.open()
        status = await yard.until_phase("slow", "ready")
    assert [i.id for i in status.instances] == ["slow.1"]


async def test_a_hang_up_after_signs_of_life_leaves_the_load_alone(home, tmp_path):
    held = gate(tmp_path)
    soon = {"keep_alive_after": 0.05, "keep_alive_every": 0.05}
    async with home(held.profile("slow"), **soon) as yard, line(yard.url) as client:
        await client.send(post(CHAT, {"model": "slow", "messages": HELLO, "stream": True}))
        await client.head()
        client.hang_up()
        await yard.until(lambda s: not s.queue)
        held.open()
        assert await yard.answer("slow") == "I am gamma."


@pytest.mark.parametrize("rudely", [False, True], ids=["close", "reset"])
@pytest.mark.parametrize("path", [CHAT, "/v1/messages"])
async def test_a_hang_up_in_a_stream_ends_its_generation(home, path, rudely):
    async with home() as yard, line(yard.url) as client:
        await client.send(post(path, ENDLESS | {"stream": True}))
        await client.head()
        await client.reader.readuntil(b"data: ")
        client.hang_up(rudely=rudely)
        await _is_cancelled(yard)


async def test_a_hang_up_of_who_does_not_stream_ends_its_generation(home):
    async with home() as yard, line(yard.url) as client:
        await client.send(post(CHAT, ENDLESS))
        await yard.until(_is_served)
        client.hang_up()
        await _is_cancelled(yard)
        async with yard.http.get(yard.url + "/metrics") as reply:
            counted = await reply.text()
    assert 'requests_total{profile="endless",status="499",surface="openai"} 1.0' in counted


async def test_one_of_several_leaves_and_the_others_get_their_answers(home, tmp_path):
    held = gate(tmp_path)
    opened = home(held.profile("slow"))
    async with opened as yard, line(yard.url) as client, asyncio.TaskGroup() as group:
        staying = [group.create_task(yard.answer("slow")) for _ in range(3)]
        await client.send(post(CHAT, {"model": "slow", "messages": HELLO}))
        await yard.until(lambda s: s.queue.get("slow") == 4)
        client.hang_up()
        await yard.until(lambda s: s.queue.get("slow") == 3)
        held.open()
    assert [task.result() for task in staying] == ["I am gamma."] * 3


async def test_half_a_body_and_then_nobody_holds_nothing(home):
    async with home() as yard, line(yard.url) as client:
        await client.send(head("POST", CHAT, "Content-Length: 1000"), b'{"model": "alpha", ')
        assert not (await yard.status()).instances, "nothing is loaded for half a wish"
        client.hang_up()
        assert await yard.answer("alpha") == "I am alpha."
        assert _is_idle(await yard.status())


async def test_half_a_head_and_then_nobody_holds_nothing(home):
    async with home() as yard, line(yard.url) as client:
        await client.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: loc")
        client.hang_up()
        assert await yard.answer("alpha") == "I am alpha."


async def _is_cancelled(yard: Yard) -> None:
    """Both sides let go: the lease is back, and llama-server's only slot serves the next."""
    await yard.until(_is_idle)
    async with asyncio.timeout(30):
        while "cancel task" not in (log := await _log(yard)):
            await asyncio.sleep(0.05)
    assert "n_gen = 30000" not in log
    await yard.answer("endless", max_tokens=2)


async def _log(yard: Yard) -> str:
    async with yard.http.get(yard.url + "/logs/endless") as reply:
        return await reply.text()


def _is_served(status: Status) -> bool:
    return any(instance.leases for instance in status.instances)


def _is_idle(status: Status) -> bool:
    return not status.queue and not _is_served(status)
