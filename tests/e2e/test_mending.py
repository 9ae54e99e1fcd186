"""What llama-server reads otherwise than it was meant reaches a real one as it was meant, in each of the APIs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from paddock.llama.scripted import ScriptedModel, write
from tests.yard import Yard, places, yard

CONF = "[agent]\nmodel = agent.gguf\nctx-size = 8192\n"
SCHEMA = {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]}
TWO = ("two", "q")
QUESTION = {"role": "user", "content": "Light, please."}


def chat_tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": SCHEMA}}


def response_tool(name: str) -> dict[str, Any]:
    return {"type": "function", "name": name, "parameters": SCHEMA}


def message_tool(name: str) -> dict[str, Any]:
    return {"name": name, "input_schema": SCHEMA}


def of_chat(reply: Any) -> tuple[str, str]:
    [call] = reply["choices"][0]["message"]["tool_calls"]
    return call["function"]["name"], json.loads(call["function"]["arguments"])["x"]


def of_response(reply: Any) -> tuple[str, str]:
    [call] = reply["output"]
    return call["name"], json.loads(call["arguments"])["x"]


def of_message(reply: Any) -> tuple[str, str]:
    [call] = reply["content"]
    return call["name"], call["input"]["x"]


FORCED: list[tuple[str, str, Callable[[str], Any], Any, Callable[[Any], tuple[str, str]]]] = [
    (
        "/v1/chat/completions",
        "messages",
        chat_tool,
        {"type": "function", "function": {"name": "two"}},
        of_chat,
    ),
    ("/v1/responses", "input", response_tool, {"type": "function", "name": "two"}, of_response),
    ("/v1/messages", "messages", message_tool, {"type": "tool", "name": "two"}, of_message),
]


@pytest.fixture
async def home(tmp_path: Path):
    paths = places(tmp_path / "home", CONF)
    paths.models_dir.mkdir()
    tool = ("one", '{"x": "q"}')
    write(paths.models_dir / "agent.gguf", ScriptedModel(say="It is on.", tool=tool))
    async with yard(paths) as found:
        yield found


async def asked(home: Yard, path: str, **fields: Any) -> Any:
    body = {"model": "agent", "temperature": 0, **fields}
    async with home.http.post(home.url + path, json=body) as reply:
        text = await reply.text()
        assert reply.status == 200, text
        return json.loads(text)


async def test_what_was_meant_is_what_comes(home: Yard):
    """One daemon and one load for all of it."""
    for path, turns, tool, choice, of in FORCED:
        fields = {turns: [QUESTION], "tools": [tool("one"), tool("two")], "tool_choice": choice}
        assert of(await asked(home, path, **fields)) == TWO

    chat = await asked(home, "/v1/chat/completions", messages=[QUESTION], stop=["", "zzz"])
    assert chat["choices"][0]["message"]["content"] == "It is on."
    message = await asked(home, "/v1/messages", messages=[QUESTION], stop_sequences=[""])
    assert message["content"][0]["text"] == "It is on."
    message = await asked(home, "/v1/messages", messages=[QUESTION], stop_sequences=["is"])
    assert (message["stop_reason"], message["stop_sequence"]) == ("stop_sequence", "is")

    text = {"format": {"type": "json_schema", "name": "x", "schema": SCHEMA}}
    reply = await asked(home, "/v1/responses", input="hi", text=text, max_output_tokens=40)
    assert reply["output"][0]["content"][0]["text"].startswith("{")
    thought = {"type": "reasoning", "id": "rs_1", "summary": []}
    history = [QUESTION, thought, {"role": "assistant", "content": "On."}, QUESTION]
    reply = await asked(home, "/v1/responses", input=history)
    assert reply["output"][0]["content"][0]["text"] == "It is on."

    # After a tool's result this model answers, after a question it calls the tool.
    use = {"type": "tool_use", "id": "1", "name": "one", "input": {"x": "q"}}
    result = {"type": "tool_result", "tool_use_id": "1", "content": "done"}
    said = [result, {"type": "text", "text": "And the other?"}]
    talk = [QUESTION, {"role": "assistant", "content": [use]}, {"role": "user", "content": said}]
    reply = await asked(home, "/v1/messages", messages=talk, tools=[message_tool("one")])
    assert [block["type"] for block in reply["content"]] == ["tool_use"]
    reply = await asked(
        home,
        "/v1/messages",
        messages=turns,
        tools=[message_tool("one")],
        tool_choice={"type": "none"},
    )
    assert [block["type"] for block in reply["content"]] == ["text"]
