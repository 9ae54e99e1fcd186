"""A client whose patience is shorter than the load: kept alive, answered, or refused with the reason."""

import asyncio
import json
from asyncio import TaskGroup
from typing import Any

import anthropic
import openai
import pytest

from tests.e2e.clients import anthropic_of, openai_of
from tests.e2e.engines import failing_gate, gate
from tests.e2e.wire import CHAT, HELLO

SOON: dict[str, Any] = {
    "keep_alive_after": 0.1,
    "keep_alive_after_plain": 0.1,
    "keep_alive_every": 0.1,
}
PATIENCE = 0.8  # seconds that the clients wait for a byte
LOAD = 1.6  # seconds that the load takes
ASK: Any = {"model": "slow", "max_tokens": 64, "messages": HELLO}


@pytest.mark.parametrize("api", ["openai", "anthropic"])
async def test_a_load_longer_than_the_clients_patience_ends_in_the_answer(home, tmp_path, api):
    held = gate(tmp_path)
    async with home(held.profile("slow"), **SOON) as yard, TaskGroup() as group:
        ask = _openai if api == "openai" else _anthropic
        asking = [group.create_task(ask(yard, stream=stream)) for stream in (True, False)]
        await asyncio.sleep(LOAD)
        held.open()
    assert [task.result() for task in asking] == ["I am gamma."] * 2


async def _openai(yard, *, stream):
    async with openai_of(yard, timeout=PATIENCE) as client:
        if not stream:
            reply = await client.chat.completions.create(**ASK)
            return reply.choices[0].message.content
        parts = await client.chat.completions.create(**ASK, stream=True)
        return "".join([c.choices[0].delta.content or "" async for c in parts if c.choices])


async def _anthropic(yard, *, stream):
    async with anthropic_of(yard, timeout=PATIENCE) as client:
        if not stream:
            return (await client.messages.create(**ASK)).content[0].text
        async with client.messages.stream(**ASK) as parts:
            return await parts.get_final_text()


async def test_responses_and_embeddings_are_waited_for_too(home, tmp_path):
    held = gate(tmp_path)
    conf = held.profile("slow") + held.profile("vectors") + "embeddings = on\npooling = mean\n"
    opened = home(conf, **SOON)
    async with opened as yard, openai_of(yard, timeout=PATIENCE) as client, TaskGroup() as group:
        said = group.create_task(client.responses.create(model="slow", input="hi"))
        made = group.create_task(client.embeddings.create(model="vectors", input="hi"))
        await asyncio.sleep(LOAD)
        held.open()
    assert said.result().output_text == "I am gamma."
    assert made.result().data[0].embedding


async def test_a_stream_names_the_stage_and_anthropics_is_pinged(home, tmp_path):
    held = gate(tmp_path)
    async with home(held.profile("slow"), **SOON) as yard:
        body = ASK | {"stream": True}
        async with (
            yard.http.post(yard.url + CHAT, json=body) as comments,
            yard.http.post(yard.url + "/v1/messages", json=body) as pings,
        ):
            assert await comments.content.readuntil(b"\n\n") == b": starting slow\n\n"
            ping = await pings.content.readuntil(b"\n\n")
            held.open()
            events = (await pings.read()).decode()
            assert (await comments.read()).endswith(b"data: [DONE]\n\n")
    assert ping.endswith(b'event: ping\ndata: {"type": "ping"}\n\n')
    assert events.index("event: message_start") < events.index("event: message_stop")
    assert comments.headers["x-paddock-profile"] == "slow"


async def test_a_failure_after_signs_of_life_ends_a_chat_stream_with_the_cause(home, tmp_path):
    held = failing_gate(tmp_path)
    async with home(held.profile("slow"), **SOON) as yard, openai_of(yard) as client:
        stream = await client.chat.completions.create(**ASK, stream=True)
        held.open()  # its headers are here
        with pytest.raises(openai.APIError, match="exited with code 3") as caught:
            async for _ in stream:
                pass
    assert caught.value.code == "load_failed"
    assert "E the disk is on fire" in _body(caught)["log"]


async def test_a_failure_after_signs_of_life_ends_a_responses_stream(home, tmp_path):
    held = failing_gate(tmp_path)
    async with home(held.profile("slow"), **SOON) as yard, openai_of(yard) as client:
        stream = await client.responses.create(model="slow", input="hi", stream=True)
        held.open()
        with pytest.raises(openai.APIError, match="exited with code 3"):
            async for _ in stream:
                pass


async def test_a_failure_after_signs_of_life_ends_an_anthropic_stream(home, tmp_path):
    held = failing_gate(tmp_path)
    async with home(held.profile("slow"), **SOON) as yard, anthropic_of(yard) as client:
        stream = await client.messages.create(**ASK, stream=True)
        held.open()
        with pytest.raises(anthropic.APIStatusError, match="exited with code 3") as caught:
            async for _ in stream:
                pass
    assert _body(caught)["type"] == "error"
    assert _body(caught)["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("path", [CHAT, "/v1/messages", "/completion"])
async def test_a_failure_after_white_space_is_the_json_of_an_error(home, tmp_path, path):
    held = failing_gate(tmp_path)
    async with home(held.profile("slow"), **SOON) as yard:
        body = ASK | {"prompt": "hi"}
        async with yard.http.post(yard.url + path, json=body) as reply:
            held.open()
            text = await reply.read()
    assert reply.status == 200, "that had gone out with the first sign of life"
    assert text.startswith(b" ")
    assert "exited with code 3" in json.loads(text)["error"]["message"]


async def test_a_load_that_fails_at_once_is_a_400_that_no_client_tries_again(home):
    async with home() as yard:
        async with openai_of(yard, max_retries=2) as client:
            with pytest.raises(openai.BadRequestError, match="exited with code 1") as first:
                await client.chat.completions.create(model="broken", messages=HELLO, stream=True)
        async with anthropic_of(yard, max_retries=2) as client:
            with pytest.raises(anthropic.BadRequestError, match="not tried again") as second:
                await client.messages.create(**ASK | {"model": "broken"})
        counted = await _text(yard, "/metrics")
    assert (first.value.status_code, first.value.code) == (400, "load_failed")
    assert any("broken.gguf" in line for line in _body(first)["log"])
    assert (second.value.status_code, _body(second)["type"]) == (400, "error")
    assert 'requests_total{profile="broken",status="502",surface="openai"} 1.0' in counted
    assert 'requests_total{profile="broken",status="503",surface="anthropic"} 1.0' in counted


async def test_a_cancelled_load_is_reported_to_those_who_wait(home, tmp_path):
    held = gate(tmp_path)
    async with home(held.profile("slow")) as yard, TaskGroup() as group:
        asking = group.create_task(yard.ask("slow"))
        await yard.until_phase("slow", "starting", "loading")
        await yard.post("/cancel", {"model": "slow"})
    status, reply = asking.result()
    assert (status, reply["error"]["code"]) == (400, "cancelled")


async def test_a_full_queue_is_a_429_before_any_header(home, tmp_path):
    held = gate(tmp_path)
    async with home(held.profile("slow"), queue_limit=2, **SOON) as yard:
        async with TaskGroup() as group:
            asking = [group.create_task(yard.answer("slow")) for _ in range(2)]
            await yard.until(lambda s: s.queue.get("slow") == 2)
            async with openai_of(yard) as client:
                with pytest.raises(openai.RateLimitError, match="wait") as caught:
                    await client.chat.completions.create(**ASK)
            held.open()
        assert [task.result() for task in asking] == ["I am gamma."] * 2
    assert caught.value.code == "queue_full"


async def _text(yard, path):
    async with yard.http.get(yard.url + path) as reply:
        return await reply.text()


def _body(caught: Any) -> Any:
    """What the library kept of an error, which it types as `object`."""
    return caught.value.body
