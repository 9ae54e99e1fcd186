"""The `openai` library against the whole of Paddock: each name gets its own model."""

import openai
import pytest

from tests.e2e.clients import openai_of
from tests.e2e.wire import HELLO

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_chat_whole_and_streamed_each_from_its_own_model(shared):
    async with openai_of(shared) as client:
        whole = await client.chat.completions.create(model="alpha", messages=HELLO)
        stream = await client.chat.completions.create(model="beta", messages=HELLO, stream=True)
        parts = [chunk async for chunk in stream]
    assert whole.choices[0].message.content == "I am alpha."
    assert whole.model == "alpha"
    assert "".join(c.choices[0].delta.content or "" for c in parts if c.choices) == "I am beta."
    assert parts[-1].choices[0].finish_reason == "stop"


async def test_an_alias_is_answered_by_the_profile_it_stands_for(shared):
    async with openai_of(shared) as client:
        raw = await client.chat.completions.with_raw_response.create(model="first", messages=HELLO)
    assert raw.headers["x-paddock-profile"] == "alpha"
    assert raw.headers["x-paddock-instance"].startswith("alpha.")


async def test_completions_whole_and_streamed(shared):
    prompt = "<|im_start|>assistant\n"
    async with openai_of(shared) as client:
        whole = await client.completions.create(model="alpha", prompt=prompt)
        stream = await client.completions.create(model="alpha", prompt=prompt, stream=True)
        streamed = [part.choices[0].text async for part in stream if part.choices]
    assert whole.choices[0].text == "I am alpha."
    assert "".join(streamed) == "I am alpha."


async def test_a_stream_of_several_prompts_has_chunks_only(shared):
    """llama-server begins each but the first with `data: null`, which the library hands on as None."""
    prompt = "<|im_start|>assistant\n"
    async with openai_of(shared) as client:
        prompts = [prompt] * 3
        stream = await client.completions.create(model="alpha", prompt=prompts, stream=True)
        streamed = ["", "", ""]
        async for part in stream:
            for choice in part.choices:
                streamed[choice.index] += choice.text
    assert streamed == ["I am alpha."] * 3


async def test_responses_whole_and_streamed(shared):
    async with openai_of(shared) as client:
        whole = await client.responses.create(model="thinker", input="2 + 2?")
        stream = await client.responses.create(model="thinker", input="2 + 2?", stream=True)
        events = [event async for event in stream]
    assert whole.output_text == "Four."
    assert [item.type for item in whole.output] == ["reasoning", "message"]
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == "Four."
    assert events[-1].type == "response.completed"


@pytest.mark.parametrize(
    ("model", "items"),
    [("thinker", ["reasoning", "message"]), ("caller", ["function_call"])],
)
async def test_the_librarys_own_stream_of_responses_builds_the_answer(shared, model, items):
    """It raises on events without `output_index`, which llama-server leaves out."""
    tool = {"type": "function", "name": "get_weather", "parameters": {"type": "object"}}
    async with openai_of(shared) as client:
        tools = [tool] if model == "caller" else []
        async with client.responses.stream(model=model, input="hi", tools=tools) as stream:
            events = [event async for event in stream]
            final = await stream.get_final_response()
    assert [item.type for item in final.output] == items
    added = [e.output_index for e in events if e.type == "response.output_item.added"]
    assert added == list(range(len(items)))
    assert [event.sequence_number for event in events] == list(range(len(events)))


async def test_a_tool_is_called_and_its_answer_taken(shared):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": schema}}
    async with openai_of(shared) as client:
        asked = await client.chat.completions.create(model="caller", messages=HELLO, tools=[tool])
        call = asked.choices[0].message.tool_calls[0]
        result = {"role": "tool", "tool_call_id": call.id, "content": "12 mm"}
        said = [*HELLO, asked.choices[0].message.model_dump(exclude_none=True), result]
        answer = await client.chat.completions.create(model="caller", messages=said, tools=[tool])
    assert asked.choices[0].finish_reason == "tool_calls"
    assert (call.function.name, call.function.arguments) == ("get_weather", '{"city": "Ghent"}')
    assert answer.choices[0].message.content == "It rains."


async def test_embeddings_of_a_profile_that_is_made_for_them(shared):
    async with openai_of(shared) as client:
        made = await client.embeddings.create(model="embedder", input=["one", "two"])
        with pytest.raises(openai.APIStatusError, match="does not support embeddings"):
            await client.embeddings.create(model="alpha", input="one")
    assert [len(row.embedding) for row in made.data] == [256, 256]


async def test_the_list_names_every_profile_and_its_state(shared):
    await shared.answer("alpha")
    async with openai_of(shared) as client:
        rows = {model.id: model async for model in client.models.list()}
        one = await client.models.retrieve("first")
    assert {"alpha", "beta", "endless", "embedder", "ranker", "broken"} <= set(rows)
    assert rows["alpha"].status["value"] == "loaded"
    assert rows["ranker"].status["value"] in {"unloaded", "loaded"}
    assert one.id == "alpha"


async def test_refusals_are_of_the_right_class(shared):
    async with openai_of(shared) as client:
        with pytest.raises(openai.NotFoundError, match="no model 'nope'") as unknown:
            await client.chat.completions.create(model="nope", messages=HELLO)
        with pytest.raises(openai.BadRequestError) as theirs:
            await client.chat.completions.create(model="alpha", messages=HELLO, max_tokens="few")
    assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    assert "max_tokens" in str(theirs.value), "llama-server's own refusal, as it is"
    assert theirs.value.response.headers["x-paddock-profile"] == "alpha"


async def test_a_prompt_beyond_the_context_is_llama_servers_own_400(shared):
    long = [{"role": "user", "content": "x " * 3000}]
    async with openai_of(shared) as client:
        with pytest.raises(openai.BadRequestError, match="context size") as caught:
            await client.chat.completions.create(model="alpha", messages=long)
    assert caught.value.response.json()["error"]["type"] == "exceed_context_size_error"
