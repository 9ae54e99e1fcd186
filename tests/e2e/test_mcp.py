"""The official client library `mcp` against a real daemon: over HTTP, and through `paddock mcp`."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from tests.yard import Yard

KEYS: dict[str, Any] = {"api_keys": ("sk-infer",), "management_keys": ("sk-manage",)}
TOOLS = ["list_models", "status", "switch_model", "ask_model", "unload_model", "pull_model", "yield_gpus"]  # fmt: skip


def server(url: str, key: str = "") -> StdioServerParameters:
    env = {"PADDOCK_URL": url, "PADDOCK_API_KEY": key}
    return StdioServerParameters(command=sys.executable, args=["-m", "paddock", "mcp"], env=env)


@asynccontextmanager
async def over_http(yard: Yard, key: str = "") -> AsyncIterator[Any]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
        transport = streamable_http_client(yard.url + "/mcp", http_client=http)
        async with Client(transport) as client:
            yield client


@asynccontextmanager
async def over_stdio(yard: Yard, key: str = "") -> AsyncIterator[Any]:
    async with Client(stdio_client(server(yard.url, key))) as client:
        yield client


@pytest.fixture(params=[over_http, over_stdio], ids=["http", "stdio"])
def agent(request: pytest.FixtureRequest) -> Any:
    return request.param


def said(result: Any) -> str:
    return str(result.content[0].text)


async def test_an_agent_finds_its_models_switches_asks_and_unloads(home, agent):
    steps: list[tuple[float, str]] = []

    async def stepped(progress: float, total: float | None, message: str | None) -> None:
        steps.append((progress, message or ""))

    async with home() as yard, agent(yard) as client:
        assert client.server_info.name == "paddock"
        assert [tool.name for tool in (await client.list_tools()).tools] == TOOLS
        listed = await client.call_tool("list_models", {})
        rows = {row["id"]: row for row in listed.structured_content["models"]}
        assert (rows["alpha"]["state"], rows["endless"]["context"]) == ("unloaded", 32768)

        name = {"model": "first"}
        switched = await client.call_tool("switch_model", name, progress_callback=stepped)
        assert switched.structured_content["model"] == "alpha"
        assert any("alpha" in text for _, text in steps)
        assert [step for step, _ in steps] == sorted({step for step, _ in steps})

        answer = await client.call_tool("ask_model", {"model": "beta", "prompt": "Who?"})
        assert (said(answer), answer.is_error) == ("I am beta.", False)
        assert answer.structured_content["generated_tokens"] > 0
        now = await client.call_tool("status", {})
        assert {one["model"] for one in now.structured_content["running"]} >= {"beta"}
        await client.call_tool("unload_model", {"model": "beta"})
        await yard.until(lambda s: all(one.profile != "beta" for one in s.instances))


async def test_a_model_that_cannot_be_loaded_says_why(home, agent):
    async with home() as yard, agent(yard) as client:
        for tool, more in (("switch_model", {}), ("ask_model", {"prompt": "hi"})):
            result = await client.call_tool(tool, {"model": "broken", **more})
            assert result.is_error
            assert "broken" in said(result)
            assert "load_failed" in said(result)
        assert (await client.call_tool("ask_model", {"model": "nope", "prompt": "hi"})).is_error
        wrong = await client.call_tool("ask_model", {"model": "alpha"})
        assert wrong.is_error
        assert "prompt" in said(wrong)


async def test_a_key_for_inference_asks_but_does_not_steer(home, agent):
    async with home(**KEYS) as yard, agent(yard, "sk-infer") as client:
        answer = await client.call_tool("ask_model", {"model": "alpha", "prompt": "hi"})
        assert said(answer) == "I am alpha."
        assert not (await client.call_tool("list_models", {})).is_error
        for tool, taken in (("status", {}), *((t, {"model": "alpha"}) for t in TOOLS[2::2])):
            result = await client.call_tool(tool, taken)
            assert result.is_error
            assert "inference only" in said(result)


async def test_who_stops_waiting_stops_the_generation(home, agent):
    async with home() as yard, agent(yard) as client:
        await client.call_tool("switch_model", {"model": "endless"})
        question = {"model": "endless", "prompt": "hi"}
        asking = asyncio.ensure_future(client.call_tool("ask_model", question))
        await yard.until(lambda s: any(one.generated_tokens for one in s.requests))
        asking.cancel()
        await yard.until(lambda s: not s.requests)
        await asyncio.wait((asking,))


async def test_without_a_daemon_the_bridge_says_what_there_would_be():
    async with Client(stdio_client(server("http://127.0.0.1:1"))) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == TOOLS
        result = await client.call_tool("list_models", {})
    assert result.is_error
    assert "no daemon answers" in said(result)
    assert "paddock start" in said(result)


async def test_an_agent_yields_the_gpus_and_takes_them_back(home, agent):
    async with home() as yard, agent(yard) as client:
        result = await client.call_tool("yield_gpus", {"seconds": 600})
        assert result.structured_content["yielded"] is True
        assert result.structured_content["until"]
        assert (await yard.status()).yielded is not None
        result = await client.call_tool("yield_gpus", {"resume": True})
        assert result.structured_content["yielded"] is False
        assert (await yard.status()).yielded is None
