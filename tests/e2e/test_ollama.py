"""The `ollama` library against the whole of Paddock, call by call."""

import base64
import json
from datetime import UTC, datetime, timedelta

import ollama
import pytest
import pytest_asyncio

from tests.e2e.clients import ollamas
from tests.e2e.wire import HELLO

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest_asyncio.fixture(loop_scope="module")
async def client(shared):
    async with ollamas() as ollama_of:
        yield ollama_of(shared.url)


async def test_chat_whole_and_streamed_each_from_its_own_model(client, shared):
    whole = await client.chat("alpha", HELLO)
    parts = [part async for part in await client.chat("beta:latest", HELLO, stream=True)]
    assert whole.message.content == "I am alpha."
    assert (whole.model, whole.done, whole.done_reason) == ("alpha", True, "stop")
    assert whole.prompt_eval_count > 0
    assert whole.eval_count > 0
    assert 0 < whole.eval_duration <= whole.total_duration
    assert whole.load_duration < whole.total_duration
    assert "".join(part.message.content for part in parts) == "I am beta."
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    assert parts[-1].model == "beta:latest"
    assert parts[-1].eval_count > 1


async def test_a_stream_is_lines_of_json_and_says_who_gave_it(client, shared):
    body = {"model": "alpha", "messages": HELLO}
    # Many send no content type at all, like curl's `-d`.
    async with shared.http.post(shared.url + "/api/chat", data=json.dumps(body)) as reply:
        lines = (await reply.text()).splitlines()
        assert reply.headers["content-type"] == "application/x-ndjson"
        assert reply.headers["x-paddock-profile"] == "alpha"
        assert reply.headers["x-paddock-instance"].startswith("alpha.")
    assert [json.loads(line)["done"] for line in lines][-1] is True


async def test_thinking_is_kept_apart(client, shared):
    whole = await client.chat("thinker", HELLO, think=True)
    parts = [part async for part in await client.chat("thinker", HELLO, stream=True)]
    assert (whole.message.thinking.strip(), whole.message.content) == ("Two and two.", "Four.")
    assert "".join(part.message.thinking or "" for part in parts).strip() == "Two and two."
    made = await client.generate("thinker", "2 + 2?", think="high")
    assert (made.thinking.strip(), made.response) == ("Two and two.", "Four.")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_tool_is_called_and_its_answer_taken(client, shared, stream: bool):
    if stream:
        parts = [p async for p in await client.chat("caller", HELLO, tools=[TOOL], stream=True)]
        [message] = [part.message for part in parts if part.message.tool_calls]
    else:
        message = (await client.chat("caller", HELLO, tools=[TOOL])).message
    [call] = message.tool_calls
    assert (call.function.name, call.function.arguments) == ("get_weather", {"city": "Ghent"})
    result = {"role": "tool", "tool_name": "get_weather", "content": "12 mm"}
    answer = await client.chat("caller", [*HELLO, message, result], tools=[TOOL])
    assert answer.message.content == "It rains."


async def test_generate_whole_streamed_and_raw(client, shared):
    whole = await client.generate("alpha", "hi", system="Be short.")
    parts = [part async for part in await client.generate("alpha", "hi", stream=True)]
    raw = await client.generate("alpha", "<|im_start|>assistant\n", raw=True)
    assert whole.response == raw.response == "I am alpha."
    assert "".join(part.response for part in parts) == "I am alpha."
    assert raw.eval_count


async def test_a_form_is_asked_for_of_the_instance(client, shared):
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    options = {"num_predict": 200}
    made = await client.chat("plain", HELLO, format=schema, options=options)
    assert made.message.content.lstrip().startswith("{")
    for raw in (False, True):
        made = await client.generate("plain", "hi", format="json", options=options, raw=raw)
        assert made.response.lstrip().startswith("{")
    body = {"model": "plain", "prompt": "hi", "format": 7}
    async with shared.http.post(shared.url + "/api/generate", json=body) as reply:
        assert (reply.status, "JSON schema" in (await reply.json())["error"]) == (400, True)


async def test_options_that_sample_are_mapped_and_those_that_would_load_are_reported(
    client, shared
):
    options = {"temperature": 0.25, "num_predict": 3, "num_ctx": 4096, "num_gpu": 99, "seed": 1}
    body = {"model": "endless", "messages": HELLO, "stream": False, "options": options}
    async with shared.http.post(shared.url + "/api/chat", json=body) as reply:
        made = await reply.json()
        assert reply.headers["x-paddock-ignored"] == "num_ctx, num_gpu"
        assert "temperature=0.25" in reply.headers["x-paddock-samplers"]
    assert (made["done_reason"], made["eval_count"]) == ("length", 3)


async def test_embeddings_of_one_and_of_several_texts(client, shared):
    several = await client.embed("embedder", ["one", "two"])
    one = await client.embed("embedder", "one")
    older = await client.embeddings("embedder", "one")
    assert len(several.embeddings) == 2
    assert list(several.embeddings[0]) == pytest.approx(list(one.embeddings[0]), abs=1e-3)
    assert list(older.embedding) == pytest.approx(list(one.embeddings[0]), abs=1e-3)
    assert several.prompt_eval_count > one.prompt_eval_count > 0


async def test_an_image_reaches_an_instance_that_cannot_see_and_says_so(client, shared):
    message = {"role": "user", "content": "What is this?", "images": [PIXEL]}
    with pytest.raises(ollama.ResponseError, match="image input is not supported"):
        await client.chat("alpha", [message])


async def test_lists_tell_what_there_is_and_what_a_request_really_gets(client, shared):
    await shared.daemon.roster.read_facts()
    await client.chat("alpha", HELLO)
    tags = {model.model: model for model in (await client.list()).models}
    assert list(tags)[:3] == ["alpha:latest", "beta:latest", "endless:latest"]
    assert (tags["alpha:latest"].size > 0, len(tags["alpha:latest"].digest)) == (True, 64)
    assert tags["alpha:latest"].details.family == "llama"
    running = {model.model: model for model in (await client.ps()).models}
    assert running["alpha:latest"].context_length == 1024
    assert running["alpha:latest"].expires_at > datetime.now(UTC) + timedelta(days=1000)
    shown = await client.show("alpha")
    assert shown.modelinfo["llama.context_length"] == 1024
    assert shown.capabilities == ["completion", "tools", "thinking"]
    assert "num_ctx 1024" in shown.parameters
    assert (await client.show("embedder")).capabilities == ["embedding"]


async def test_an_unknown_model_is_refused_as_ollama_does(client, shared):
    for ask in (client.chat("nope", HELLO), client.show("nope"), client.generate("nope", "hi")):
        with pytest.raises(ollama.ResponseError, match="nope") as refused:
            await ask
        assert refused.value.status_code == 404


async def test_what_is_here_is_pulled_already_and_ollamas_own_library_is_not_asked(client, shared):
    assert (await client.pull("alpha")).status == "success"
    assert [part.status async for part in await client.pull("alpha", stream=True)] == ["success"]
    with pytest.raises(ollama.ResponseError, match="no library of Ollama's") as refused:
        await client.pull("llama3.2")
    assert refused.value.status_code == 501
    with pytest.raises(ollama.ResponseError, match=r"models\.conf|not pulled"):
        await client.delete("alpha")


async def test_a_model_that_cannot_load_says_why(client, shared):
    with pytest.raises(ollama.ResponseError, match="broken"):
        await client.chat("broken", HELLO)
