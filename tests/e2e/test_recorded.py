"""What clients send that cannot be run here or only by hand, replayed; each file names its source.

`reads` are the fields that the client looks for: in a JSON reply, or in the events of a stream all
taken together.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

MODELS = """
[scout]
model = alpha.gguf
ctx-size = 8192
[forecaster]
model = caller.gguf
ctx-size = 8192
"""
RECORDED = sorted((Path(__file__).parent / "recorded").glob("*.json"))


def _documents(body: bytes, kind: str) -> list[Any]:
    text = body.decode()
    if kind.startswith("text/event-stream"):
        data = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
        assert data.pop() == "[DONE]"
        return [json.loads(one) for one in data]
    if kind.startswith("application/x-ndjson"):
        return [json.loads(line) for line in text.splitlines()]
    return [json.loads(text)]


def _paths(value: Any, at: str = "") -> Iterator[str]:
    """Every field that says something; the elements of a list share their path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(inner, f"{at}.{key}" if at else key)
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner, at)
    if value is not None:
        yield at


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
async def test_a_client_gets_what_it_reads(home, file: Path):
    record = json.loads(file.read_text())
    async with home(MODELS) as yard:
        await yard.daemon.roster.read_facts()
        for exchange in record["exchanges"]:
            method, path = exchange["request"].split()
            async with yard.http.request(
                method, yard.url + path, headers=exchange["headers"], json=exchange.get("body")
            ) as reply:
                body = await reply.read()
                assert reply.status == 200, (exchange["request"], body)
                documents = _documents(body, reply.content_type)
            there = set(_paths(documents))
            assert set(exchange["reads"]) - there == set(), exchange["request"]
