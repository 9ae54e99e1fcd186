"""The `anthropic` library against the whole of Paddock."""

import anthropic
import pytest

from tests.e2e.clients import anthropic_of
from tests.e2e.wire import HELLO

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOOLS = [
    {
        "name": "get_weather",
        "description": "The weather of a city.",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
    }
]


async def test_messages_whole_and_streamed_each_from_its_own_model(shared):
    async with anthropic_of(shared) as client:
        whole = await client.messages.create(model="alpha", max_tokens=64, messages=HELLO)
        async with client.messages.stream(model="beta", max_tokens=64, messages=HELLO) as stream:
            streamed = "".join([text async for text in stream.text_stream])
            final = await stream.get_final_message()
    assert (whole.content[0].text, whole.stop_reason) == ("I am alpha.", "end_turn")
    assert (streamed, final.model) == ("I am beta.", "beta")
    assert whole.usage.input_tokens > 0
    assert whole.usage.output_tokens > 0


async def test_tokens_are_counted(shared):
    async with anthropic_of(shared) as client:
        short = await client.messages.count_tokens(model="alpha", messages=HELLO)
        long = [{"role": "user", "content": "hi " * 50}]
        more = await client.messages.count_tokens(model="alpha", messages=long)
    assert 0 < short.input_tokens < more.input_tokens


async def test_a_tool_is_used_and_its_result_taken(shared):
    ask = {"model": "caller", "max_tokens": 99, "tools": TOOLS}
    async with anthropic_of(shared) as client:
        asked = await client.messages.create(**ask, messages=HELLO)
        [use] = asked.content
        result = {"type": "tool_result", "tool_use_id": use.id, "content": "12 mm"}
        said = [
            *HELLO,
            {"role": "assistant", "content": [use.model_dump(exclude_none=True)]},
            {"role": "user", "content": [result]},
        ]
        answer = await client.messages.create(**ask, messages=said)
    assert (asked.stop_reason, use.type, use.name) == ("tool_use", "tool_use", "get_weather")
    assert use.input == {"city": "Ghent"}
    assert answer.content[0].text == "It rains."


async def test_a_tool_use_is_streamed(shared):
    ask = {"model": "caller", "max_tokens": 99, "tools": TOOLS, "messages": HELLO}
    async with anthropic_of(shared) as client:
        events = [event async for event in await client.messages.create(**ask, stream=True)]
    deltas = [e.delta for e in events if e.type == "content_block_delta"]
    assert "".join(d.partial_json for d in deltas) == '{"city": "Ghent"}'


async def test_thinking_comes_before_the_answer_whole_and_streamed(shared):
    ask = {"model": "thinker", "max_tokens": 99, "messages": HELLO}
    async with anthropic_of(shared) as client:
        whole = await client.messages.create(**ask)
        async with client.messages.stream(**ask) as stream:
            streamed = await stream.get_final_message()
    for message in (whole, streamed):
        thinking, text = message.content
        assert (thinking.type, thinking.thinking.strip()) == ("thinking", "Two and two.")
        assert text.text == "Four."


async def test_the_list_is_in_their_form_too(shared):
    async with anthropic_of(shared) as client:
        rows = [model async for model in client.models.list()]
    assert {"anthropic-alpha", "anthropic-beta"} <= {row.id for row in rows}
    assert all(row.type == "model" and row.display_name for row in rows)


async def test_an_unknown_model_is_not_found(shared):
    async with anthropic_of(shared) as client:
        with pytest.raises(anthropic.NotFoundError) as caught:
            await client.messages.create(model="nope", max_tokens=9, messages=HELLO)
    body = caught.value.response.json()
    assert (body["type"], body["error"]["type"]) == ("error", "not_found_error")


async def test_what_llama_server_refuses_is_said_in_anthropics_shape(shared):
    async with anthropic_of(shared) as client:
        with pytest.raises(anthropic.BadRequestError) as caught:
            await client.messages.create(
                model="alpha", max_tokens=9, messages=HELLO, extra_body={"temperature": "hot"}
            )
    body = caught.value.response.json()
    assert (body["type"], body["error"]["type"]) == ("error", "invalid_request_error")
    assert "temperature" in body["error"]["message"]
    assert caught.value.response.headers["x-paddock-profile"] == "alpha"


async def test_a_body_that_is_no_json_is_a_bad_request_of_ours(shared):
    async with shared.http.post(shared.url + "/v1/messages", data=b'{"model": ') as reply:
        assert reply.status == 400
        body = await reply.json()
    assert (body["type"], body["error"]["type"]) == ("error", "invalid_request_error")
