"""Ollama's `keep_alive`, its patience while a model loads, its port, and who may do what."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import ollama
import pytest

from tests.e2e.clients import ollamas
from tests.e2e.engines import gate
from tests.e2e.wire import HELLO

SOON = {"keep_alive_after": 0.1, "keep_alive_after_plain": 0.1, "keep_alive_every": 0.1}


def _loaded(status) -> list[str]:
    return [i.profile for i in status.instances if i.phase in {"ready", "busy"}]


@pytest.fixture
async def ollama_of():
    async with ollamas() as made:
        yield made


async def test_a_model_is_loaded_and_unloaded_without_a_word(ollama_of, home):
    async with home() as yard:
        client = ollama_of(yard.url)
        assert (await client.generate("alpha")).done_reason == "load"
        assert _loaded(await yard.status()) == ["alpha"]
        assert (await client.chat("beta", [])).done_reason == "load"
        assert (await client.generate("alpha", keep_alive=0)).done_reason == "unload"
        await yard.until(lambda status: _loaded(status) == ["beta"])
        assert (await client.chat("beta", [], keep_alive=0)).done_reason == "unload"
        await yard.until(lambda status: not status.instances)


async def test_it_leaves_right_after_the_answer_where_that_is_asked_for(ollama_of, home):
    async with home() as yard:
        assert (await ollama_of(yard.url).chat("alpha", HELLO, keep_alive=0)).message.content
        await yard.until(lambda status: not status.instances)


async def test_how_long_it_stays_is_the_clients_to_say(ollama_of, home):
    async with home() as yard:
        client = ollama_of(yard.url)
        await client.chat("alpha", HELLO, keep_alive="1h30m")
        [running] = (await client.ps()).models
        left = running.expires_at - datetime.now(UTC)
        assert timedelta(hours=1) < left <= timedelta(hours=1.5)
        for long in (-1, 1e300):
            await client.chat("alpha", HELLO, keep_alive=long)
            [running] = (await client.ps()).models
            assert running.expires_at > datetime.now(UTC) + timedelta(days=1000)
        with pytest.raises(ollama.ResponseError, match="keep_alive"):
            await client.chat("alpha", HELLO, keep_alive="soon")
        await client.chat("alpha", HELLO, keep_alive="10ms")
        await yard.until(lambda status: not status.instances)


async def test_a_key_for_inference_may_ask_but_not_unload(ollama_of, home):
    keys = {"api_keys": ("ask",), "management_keys": ("all",)}
    async with home(**keys) as yard:
        with pytest.raises(ollama.ResponseError) as refused:
            await ollama_of(yard.url).list()
        assert refused.value.status_code == 401
        body = {"model": "alpha", "messages": HELLO, "stream": False, "keep_alive": 0}
        asking = {"Authorization": "Bearer ask"}
        async with yard.http.post(yard.url + "/api/chat", json=body, headers=asking) as reply:
            assert reply.headers["x-paddock-ignored"] == "keep_alive"
        async with yard.http.get(yard.url + "/api/ps", headers=asking) as reply:
            assert len((await reply.json())["models"]) == 1
        await ollama_of(yard.url, key="all").generate("alpha", keep_alive=0)
        async with asyncio.timeout(30):
            while (await ollama_of(yard.url, key="all").ps()).models:
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_load_longer_than_its_patience_ends_in_the_answer(
    ollama_of, home, tmp_path, stream: bool
):
    held = gate(tmp_path)
    async with home(held.profile("slow"), **SOON) as yard:
        client = ollama_of(yard.url, timeout=0.8)
        asked = asyncio.ensure_future(_parts(client, stream=stream))
        await asyncio.sleep(1.6)
        held.open()
        parts = await asked
    assert "".join(part.message.content for part in parts) == "I am gamma."
    assert parts[-1].load_duration > 1.5e9


async def test_a_failed_load_ends_a_stream_that_was_kept_alive_with_the_reason(
    ollama_of, home, tmp_path
):
    held = gate(tmp_path, then="echo 'E the disk is on fire' >&2; exit 3")
    async with home(held.profile("slow"), **SOON) as yard:
        body = {"model": "slow", "messages": HELLO}
        async with yard.http.post(yard.url + "/api/chat", json=body) as reply:
            first = json.loads(await reply.content.readline())
            held.open()
            *_, last = (await reply.text()).splitlines()
    assert (first["done"], first["message"]["content"]) == (False, "")
    assert json.loads(last)["code"] == "load_failed"


async def test_ollamas_own_port_is_served_where_it_is_wanted(ollama_of, home, unused_tcp_port: int):
    async with home(ollama_port=unused_tcp_port) as yard:
        url = f"http://127.0.0.1:{unused_tcp_port}"
        async with yard.http.get(url) as reply:
            assert await reply.text() == "Ollama is running"
        async with yard.http.head(url) as reply:
            assert reply.status == 200
        async with yard.http.get(yard.url) as reply:
            assert "Paddock" in await reply.text()
        client = ollama_of(url)
        assert (await client.chat("alpha", HELLO)).message.content == "I am alpha."


async def _parts(client, *, stream: bool):
    answer = await client.chat("slow", HELLO, stream=stream)
    return [part async for part in answer] if stream else [answer]
