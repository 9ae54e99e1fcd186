"""Two models that do not fit together: a client alone waits for nothing but the switch, two are fair.

Grace is made endless, so that whoever had to wait for one would wait for ever.
"""

import asyncio
from dataclasses import replace

import pytest

from tests.e2e.wire import CHAT, HELLO
from tests.yard import Yard

LONG = 3600.0
TERMINAL = {"User-Agent": "terminal/1"}
ALICE, BOB = TERMINAL | {"session_id": "alice"}, TERMINAL | {"session_id": "bob"}


def make_grace_endless(yard: Yard) -> None:
    books = yard.daemon.parts.scheduler._books
    books.rules = replace(books.rules, tenure=LONG, linger=LONG, patience=LONG)


async def ask(yard: Yard, model: str, who: dict[str, str], *, stream: bool = False) -> str:
    body = {"model": model, "messages": HELLO, "max_tokens": 9, "stream": stream}
    async with yard.http.post(yard.url + CHAT, json=body, headers=who) as reply:
        text = (await reply.read()).decode()
        assert reply.status == 200, text
        return text


@pytest.mark.parametrize("who", [ALICE, TERMINAL], ids=["a session", "a program"])
async def test_one_client_that_alternates_is_never_made_to_wait_for_itself(home, who):
    async with home(max_instances=1) as yard:
        make_grace_endless(yard)
        async with asyncio.timeout(60):
            for number, model in enumerate(("alpha", "beta", "alpha", "beta", "alpha")):
                await ask(yard, model, who, stream=number % 2 == 1)


async def test_a_client_waits_while_another_may_come_back(home):
    async with home(max_instances=1) as yard:
        make_grace_endless(yard)
        await ask(yard, "alpha", ALICE)
        await ask(yard, "beta", BOB)  # nothing was pushed out before
        alices = asyncio.create_task(ask(yard, "alpha", ALICE))
        await yard.until(lambda status: status.queue)
        for _ in range(5):
            await ask(yard, "beta", BOB)
        assert not alices.done()
        assert [i.profile for i in (await yard.status()).instances] == ["beta"]
        async with asyncio.timeout(60):
            bobs = asyncio.create_task(ask(yard, "alpha", BOB))  # he has gone on
            assert "alpha" in await alices
            assert "alpha" in await bobs
