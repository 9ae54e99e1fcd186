"""Tools in a namespace, as Codex sends those of MCP servers, reach a real model and come back as they were."""

import json
from pathlib import Path

import pytest

from paddock.llama.scripted import ScriptedModel, write
from tests.yard import Yard, places, yard

CONF = "[agent]\nmodel = agent.gguf\nctx-size = 8192\n"
TOOL = {
    "type": "namespace",
    "name": "mcp__home",
    "description": "The house",
    "tools": [
        {
            "type": "function",
            "name": "light",
            "description": "Switches a light",
            "parameters": {"type": "object", "properties": {"on": {"type": "boolean"}}},
        }
    ],
}
BACK = ("mcp__home", "light", '{"on": true}')


def _home(folder: Path):
    paths = places(folder / "home", CONF)
    paths.models_dir.mkdir()
    tool = ("mcp__home__light", '{"on": true}')
    write(paths.models_dir / "agent.gguf", ScriptedModel(say="It is on.", tool=tool))
    return yard(paths)


async def _respond(home: Yard, **more: object) -> tuple[int, str]:
    body = {"model": "agent", "input": "Light, please.", "tools": [TOOL], **more}
    async with home.http.post(home.url + "/v1/responses", json=body) as reply:
        assert reply.headers["x-paddock-profile"] == "agent"
        return reply.status, await reply.text()


def _call(item: dict[str, str]) -> tuple[str, str, str]:
    return item["namespace"], item["name"], item["arguments"]


async def test_the_model_calls_it_and_the_client_knows_it(tmp_path: Path):
    async with _home(tmp_path) as home:
        status, text = await _respond(home)
        [item] = json.loads(text)["output"]
        assert (status, _call(item)) == (200, BACK)
        history = [
            {"type": "message", "role": "user", "content": "Light, please."},
            item,
            {"type": "function_call_output", "call_id": item["call_id"], "output": "done"},
        ]
        _, text = await _respond(home, input=history)
        assert json.loads(text)["output"][0]["content"][0]["text"] == "It is on."


async def test_so_it_does_in_a_stream(tmp_path: Path):
    async with _home(tmp_path) as home:
        _, text = await _respond(home, stream=True)
        events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
        done = next(e for e in events if e["type"] == "response.output_item.done")
        assert _call(done["item"]) == BACK
        [last] = events[-1]["response"]["output"]
        assert (events[-1]["type"], _call(last)) == ("response.completed", BACK)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_refusal_keeps_its_status(tmp_path: Path, stream: bool):
    async with _home(tmp_path) as home:
        status, text = await _respond(home, input=7, stream=stream)
        assert status == 400
        assert json.loads(text)["error"]["message"]
