"""A request that is sent again takes the place of the first, with a real llama-server behind it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp

from tests.yard import Yard, places, wrapper, yard

AGAIN = {"x-stainless-retry-count": "1"}
CONF = "[endless]\nmodel = endless.gguf\nctx-size = 8192\n"
PROMPT = "Tell me of horses. " * 100


def _body(stream: bool = True, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": PROMPT}]
    usage = {"stream_options": {"include_usage": True}} if stream else {}
    return {"model": "endless", "messages": messages, "stream": stream, **usage, **more}


def _home(tmp_path: Path, models: Path, **settings: Any) -> Any:
    paths = places(tmp_path / "home", CONF)
    paths.models_dir.symlink_to(models)
    return yard(paths, **settings)


def _post(home: Yard, body: dict[str, Any], **headers: str) -> Any:
    return home.http.post(home.url + "/v1/chat/completions", json=body, headers=headers)


async def _in_flight(home: Yard, count: int) -> None:
    await home.until(lambda status: len(status.requests) == count)


async def test_a_second_try_ends_the_first_and_finds_its_prompt_read(tmp_path: Path, models: Path):
    body = _body(max_tokens=4000)
    async with _home(tmp_path, models) as home, _post(home, body) as first:
        await first.content.readany()
        async with _post(home, body, **AGAIN) as second:
            text = (await second.read()).decode()
            assert len((await home.status()).requests) == 0
        assert "sent again" in (await first.read()).decode()
    events = [json.loads(e[6:]) for e in text.split("\n\n") if e.startswith("data: {")]
    usage = events[-1]["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] > usage["prompt_tokens"] - 10


async def test_a_first_that_streams_nothing_is_ended_too(tmp_path: Path, models: Path):
    body = _body(stream=False, max_tokens=4000)
    async with _home(tmp_path, models) as home:
        first = asyncio.ensure_future(home.post("/v1/chat/completions", body))
        await home.until(lambda s: s.requests and s.requests[0].generated_tokens is None)
        async with _post(home, body, **AGAIN) as second:
            usage = (await second.json())["usage"]
        status, error = await first
        assert (status, error["error"]["code"]) == (400, "cancelled")
        assert usage["completion_tokens"] == 4000


async def test_two_that_ask_the_same_at_once_are_both_served(tmp_path: Path, models: Path):
    body = _body(stream=False, max_tokens=20)
    async with _home(tmp_path, models) as home:
        both = [home.post("/v1/chat/completions", body) for _ in range(2)]
        answers = [await answer for answer in asyncio.as_completed(both)]
        assert [status for status, _ in answers] == [200, 200]


async def test_while_it_loads_only_the_last_copy_waits(tmp_path: Path, models: Path):
    gate = tmp_path / "go"
    slow = wrapper(tmp_path / "slow", f'until [ -e "{gate}" ]; do sleep 0.05; done')
    body = _body(stream=False, max_tokens=5)
    async with _home(tmp_path, models, engine=str(slow)) as home:
        first = asyncio.ensure_future(home.post("/v1/chat/completions", body))
        await _in_flight(home, 1)
        second = asyncio.ensure_future(_answer(home, body, **AGAIN))
        assert (await first)[0] == 400
        status = await home.status()
        assert (len(status.requests), status.queue) == (1, {"endless": 1})
        gate.touch()
        assert await second == 200
        assert [i.id for i in (await home.status()).instances] == ["endless.1"]


async def test_one_who_says_nothing_is_believed_to_have_given_up_after_a_while(
    tmp_path: Path, models: Path
):
    gate = tmp_path / "go"
    slow = wrapper(tmp_path / "slow", f'until [ -e "{gate}" ]; do sleep 0.05; done')
    body = _body(stream=False, max_tokens=5)
    async with _home(tmp_path, models, engine=str(slow), resent_after=0.5) as home:
        first = asyncio.ensure_future(home.post("/v1/chat/completions", body))
        await home.until(lambda s: s.requests and s.requests[0].age > 0.5)
        other = asyncio.ensure_future(_answer(home, body, **{"User-Agent": "another/1"}))
        await _in_flight(home, 2)
        second = asyncio.ensure_future(_answer(home, body))
        assert (await first)[0] == 400
        gate.touch()
        assert [await other, await second] == [200, 200]


async def _answer(home: Yard, body: dict[str, Any], **headers: str) -> int:
    async with aiohttp.ClientSession() as http:
        url = home.url + "/v1/chat/completions"
        agent = {"User-Agent": home.http.headers.get("User-Agent", aiohttp.http.SERVER_SOFTWARE)}
        async with http.post(url, json=body, headers=agent | headers) as reply:
            return reply.status
