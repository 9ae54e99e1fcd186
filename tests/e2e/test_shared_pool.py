"""Requests that each fit, and together fill the pool that the slots share: llama-server ends them all."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from paddock.llama.scripted import ScriptedModel, write
from tests.yard import Yard, places, yard

CONF = "[pool]\nmodel = pool.gguf\nctx-size = 1024\nparallel = 4\nkv-unified = on\n"


async def answered(home: Yard, path: str, letter: str) -> tuple[int, Any]:
    """A chat of some 500 tokens that wants 300 more."""
    turns = [{"role": "user", "content": letter * 480}]
    body = {"model": "pool", "messages": turns, "max_tokens": 300, "ignore_eos": True}
    async with home.http.post(home.url + path, json=body) as reply:
        return reply.status, await reply.json()


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_they_are_served_one_after_the_other(tmp_path: Path, path: str):
    paths = places(tmp_path / "home", CONF)
    paths.models_dir.mkdir()
    write(paths.models_dir / "pool.gguf", ScriptedModel(say="On and on.", endless=True))
    async with yard(paths) as home:
        await answered(home, path, "a")
        async with asyncio.TaskGroup() as group:
            three = [group.create_task(answered(home, path, letter)) for letter in "bcd"]
        assert [task.result()[0] for task in three] == [200] * 3
