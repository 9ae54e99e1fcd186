"""What clients of the gateway see: through the real client libraries, from a real llama-server."""

import asyncio
import json
from typing import Any

import anthropic
import openai
import pytest

from paddock.api.types import Progress
from paddock.errors import LoadFailed, QueueFull
from tests.http.conftest import until

HELLO: Any = [{"role": "user", "content": "hello"}]
SAID = "Hello from the paddock."
QUICK = {"keep_alive_after": 0.01, "keep_alive_after_plain": 0.01, "keep_alive_every": 0.01}


def openai_of(yard):
    return openai.AsyncOpenAI(base_url=yard.base + "/v1", api_key="-", max_retries=0)


def anthropic_of(yard):
    return anthropic.AsyncAnthropic(base_url=yard.base, api_key="-", max_retries=0)


async def test_the_openai_client_gets_its_answer_streamed_and_whole(open_yard, talker):
    yard = await open_yard({"tiny": talker})
    async with openai_of(yard) as client:
        whole = await client.chat.completions.create(model="tiny", messages=HELLO)
        stream = await client.chat.completions.create(model="tiny", messages=HELLO, stream=True)
        streamed = [c.choices[0].delta.content or "" async for c in stream if c.choices]
    assert whole.choices[0].message.content == SAID
    assert "".join(streamed) == SAID


async def test_the_responses_api_streams(open_yard, talker):
    yard = await open_yard({"tiny": talker})
    async with openai_of(yard) as client:
        stream = await client.responses.create(model="tiny", input="hello", stream=True)
        deltas = [e.delta async for e in stream if e.type == "response.output_text.delta"]
    assert "".join(deltas) == SAID


async def test_the_anthropic_client_gets_its_answer_streamed_and_whole(open_yard, talker):
    yard = await open_yard({"tiny": talker})
    ask = {"model": "tiny-alias", "max_tokens": 64, "messages": HELLO}
    async with anthropic_of(yard) as client:
        whole = await client.messages.create(**ask)
        async with client.messages.stream(**ask) as stream:
            streamed = [text async for text in stream.text_stream]
        count = await client.messages.count_tokens(model="tiny", messages=HELLO)
    assert whole.content[0].text == SAID
    assert "".join(streamed) == SAID
    assert count.input_tokens > 0


async def test_every_reply_says_who_gave_it(open_yard, talker):
    yard = await open_yard({"tiny": talker})
    async with yard.http.post(
        yard.base + "/v1/chat/completions", json={"messages": HELLO, "max_tokens": 3}
    ) as reply:
        await reply.read()
    assert reply.headers["x-paddock-profile"] == "tiny"
    assert reply.headers["x-paddock-instance"] == "tiny.1"
    assert "access-control-allow-origin" not in reply.headers


async def test_llama_cpps_own_calls_are_relayed(open_yard, talker):
    yard = await open_yard({"tiny": talker})
    status, tokens = await yard.post("/tokenize", {"model": "tiny", "content": "hello"})
    assert (status, bool(tokens["tokens"])) == (200, True)
    status, props = await yard.get("/props?model=tiny")
    assert (status, props["default_generation_settings"]["n_ctx"]) == (200, 1024)
    status, _ = await yard.get("/upstream/tiny/health")
    assert status == 200


async def test_a_streaming_client_hears_the_progress_while_it_waits(open_yard, talker):
    yard = await open_yard({"tiny": talker}, ready=False, **QUICK)
    stall = yard.stable.stalls["tiny"]
    body = {"model": "tiny", "messages": HELLO, "stream": True}
    async with yard.http.post(yard.base + "/v1/chat/completions", json=body) as reply:
        assert await reply.content.readuntil(b"\n\n") == b": loading tiny 42%\n\n"
        stall.progress = Progress(stage="warming")
        while await reply.content.readuntil(b"\n\n") != b": warming tiny\n\n":
            pass
        stall.ready.set()
        rest = await reply.text()
    assert rest.endswith("data: [DONE]\n\n")
    assert "paddock" in rest
    assert stall.leases == 0


async def test_an_anthropic_client_is_pinged_while_it_waits(open_yard, talker):
    yard = await open_yard({"tiny": talker}, ready=False, **QUICK)
    body = {"model": "tiny", "messages": HELLO, "stream": True, "max_tokens": 9}
    async with yard.http.post(yard.base + "/v1/messages", json=body) as reply:
        ping = await reply.content.readuntil(b"\n\n")
        yard.stable.stalls["tiny"].ready.set()
        rest = await reply.text()
    assert ping == b': loading tiny 42%\nevent: ping\ndata: {"type": "ping"}\n\n'
    assert "event: message_stop" in rest


async def test_a_client_that_does_not_stream_gets_white_space_and_then_its_json(open_yard, talker):
    yard = await open_yard({"tiny": talker}, ready=False, **QUICK)
    body = {"model": "tiny", "messages": HELLO}
    async with yard.http.post(yard.base + "/v1/chat/completions", json=body) as reply:
        first = await reply.content.readexactly(1)
        yard.stable.stalls["tiny"].ready.set()
        rest = await reply.read()
    assert first == b" "
    assert json.loads(first + rest)["choices"][0]["message"]["content"] == SAID


async def test_a_load_that_fails_at_once_is_a_proper_error_in_each_shape(open_yard, talker):
    yard = await open_yard({"tiny": talker}, ready=False)
    stall = yard.stable.stalls["tiny"]
    stall.refusal = LoadFailed(
        "tiny ended (exit code 1)", hint="see its log", detail=("E no tensor",)
    )
    stall.ready.set()
    ask = {"model": "tiny", "messages": HELLO, "max_tokens": 9}
    status, reply = await yard.post("/v1/chat/completions", ask)
    assert (status, reply["error"]["code"], reply["error"]["type"]) == (
        400,
        "load_failed",
        "invalid_request_error",
    )
    assert reply["error"]["log"] == ["E no tensor"]
    status, reply = await yard.post("/v1/messages", ask)
    assert (status, reply["type"], reply["error"]["type"]) == (
        400,
        "error",
        "invalid_request_error",
    )
    assert "tiny ended (exit code 1) (see its log)" in reply["error"]["message"]
    status, reply = await yard.post("/completion", {"model": "tiny", "prompt": "x"})
    assert (status, reply["error"]["code"], reply["error"]["reason"]) == (502, 502, "load_failed")


async def test_clients_do_not_retry_a_load_that_failed(open_yard, talker):
    yard = await open_yard({"tiny": talker}, ready=False)
    stall = yard.stable.stalls["tiny"]
    stall.refusal = LoadFailed("tiny ended")
    stall.ready.set()
    async with openai.AsyncOpenAI(base_url=yard.base + "/v1", api_key="-") as client:
        with pytest.raises(openai.BadRequestError, match="tiny ended"):
            await client.chat.completions.create(model="tiny", messages=HELLO)
    rendered = yard.stable.metrics.render().decode()
    assert 'requests_total{profile="tiny",status="502",surface="openai"} 1.0' in rendered


@pytest.mark.parametrize("path", ["chat", "responses", "messages"])
async def test_a_load_that_fails_late_is_reported_in_band_and_the_libraries_raise(
    open_yard, talker, path
):
    yard = await open_yard({"tiny": talker}, ready=False, **QUICK)
    stall = yard.stable.stalls["tiny"]

    async def fail_once_the_client_waits():
        await until(lambda: stall.looks > 1)  # its first sign of life is out
        stall.refusal = QueueFull("no room for tiny")
        stall.ready.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(fail_once_the_client_waits())
        with pytest.raises((openai.APIError, anthropic.APIError), match="no room for tiny"):
            async for _ in await _streaming(yard, path):
                pass
    assert stall.leases == 0


async def _streaming(yard, path):
    if path == "chat":
        return await openai_of(yard).chat.completions.create(
            model="tiny", messages=HELLO, stream=True
        )
    if path == "responses":
        return await openai_of(yard).responses.create(model="tiny", input="hello", stream=True)
    return await anthropic_of(yard).messages.create(
        model="tiny", messages=HELLO, max_tokens=9, stream=True
    )


async def test_an_unknown_model_is_a_404_in_the_clients_shape(open_yard, talker):
    yard = await open_yard({"tiny": talker})
    async with openai_of(yard) as client:
        with pytest.raises(openai.NotFoundError) as caught:
            await client.chat.completions.create(model="nope", messages=HELLO)
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
    async with anthropic_of(yard) as client:
        with pytest.raises(anthropic.NotFoundError) as refused:
            await client.messages.create(model="nope", messages=HELLO, max_tokens=1)
    assert refused.value.response.json()["error"]["type"] == "not_found_error"


async def test_llama_servers_own_refusals_reach_anthropic_clients_in_their_shape(open_yard, talker):
    yard = await open_yard({"tiny": talker})
    status, reply = await yard.post("/v1/messages", {"model": "tiny", "max_tokens": 9})
    assert status >= 400
    assert reply["type"] == "error"
    assert reply["error"]["message"]
    _, theirs = await yard.post("/v1/chat/completions", {"model": "tiny"})
    assert "type" in theirs["error"], "and OpenAI clients get it as it is"


async def test_a_hang_up_frees_the_slot_of_a_real_server(open_yard, endless):
    yard = await open_yard({"endless": endless})
    body = {"messages": HELLO, "stream": True, "max_tokens": 10_000_000}
    async with yard.http.post(yard.base + "/v1/chat/completions", json=body) as reply:
        await reply.content.readuntil(b"\n\n")
        reply.close()
    await until(lambda: yard.stable.stalls["endless"].leases == 0)
    brief = body | {"stream": False, "max_tokens": 2}
    status, _ = await yard.post("/v1/chat/completions", brief)
    assert status == 200, "the only slot answers the next one"


async def test_a_hang_up_while_waiting_gives_the_lease_back(open_yard, talker):
    yard = await open_yard({"tiny": talker}, ready=False)
    stall = yard.stable.stalls["tiny"]
    asking = asyncio.ensure_future(yard.post("/v1/chat/completions", {"model": "tiny"}))
    await until(lambda: stall.leases == 1)
    asking.cancel()
    await until(lambda: stall.leases == 0)
    rendered = yard.stable.metrics.render().decode()
    assert 'status="499"' in rendered


async def test_eleven_at_once_share_one_instance(open_yard, talker):
    yard = await open_yard({"tiny": talker}, ready=False)
    ask = {"model": "tiny", "messages": HELLO}
    asking = [asyncio.ensure_future(yard.post("/v1/chat/completions", ask)) for _ in range(11)]
    await until(lambda: yard.stable.stalls["tiny"].leases == 11)
    yard.stable.stalls["tiny"].ready.set()
    replies = [await one for one in asking]
    assert {reply["choices"][0]["message"]["content"] for _, reply in replies} == {SAID}
