"""Who used what, through the daemon and real llama-servers: what a reply reports is what is counted."""

import asyncio
import json
from typing import Any

import pytest

from paddock.config.keys import NamedKey, add_key, digest_of
from paddock.config.paths import keys_file
from tests.e2e.conftest import paths_in
from tests.yard import yard

HELLO = [{"role": "user", "content": "hi"}]
CHAT: dict[str, Any] = {"model": "alpha", "messages": HELLO, "max_tokens": 9}
TEXT = {"model": "alpha", "prompt": "hi", "n_predict": 4, "max_tokens": 4}
# The path, the body, and where the whole prompt's and the answer's tokens stand in the last document.
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "openai": ("/v1/chat/completions", CHAT),
    "openai, stream": ("/v1/chat/completions", CHAT | {"stream": True}),
    "openai, stream with usage": (
        "/v1/chat/completions",
        CHAT | {"stream": True, "stream_options": {"include_usage": True}},
    ),
    "openai, text": ("/v1/completions", TEXT),
    "responses": ("/v1/responses", {"model": "alpha", "input": "hi"}),
    "responses, stream": ("/v1/responses", {"model": "alpha", "input": "hi", "stream": True}),
    "anthropic": ("/v1/messages", CHAT),
    "anthropic, stream": ("/v1/messages", CHAT | {"stream": True}),
    "ollama": ("/api/chat", {"model": "alpha", "messages": HELLO, "stream": False}),
    "ollama, stream": ("/api/generate", {"model": "alpha", "prompt": "hi"}),
    "llama": ("/completion", TEXT),
    "llama, stream": ("/completion", TEXT | {"stream": True}),
    "passed through": ("/upstream/alpha/v1/chat/completions", CHAT),
    "embeddings": ("/v1/embeddings", {"model": "embedder", "input": ["hi", "you"]}),
    "ollama, embeddings": ("/api/embed", {"model": "embedder", "input": "hi"}),
    "rerank": ("/v1/rerank", {"model": "ranker", "query": "hi", "documents": ["a", "b"]}),
}


def _counted(text: str) -> tuple[int, int]:
    """What a reply says for its client, by each API's own words: whole prompt and answer."""
    found: dict[str, Any] = {}
    for line in text.splitlines():
        body = line.removeprefix("data: ")
        if body.startswith("{"):
            _gather(json.loads(body), found)
    if "prompt_eval_count" in found:
        return found["prompt_eval_count"], found.get("eval_count", 0)
    if "input_tokens" in found:
        cached = found.get("cache_read_input_tokens", 0)
        return found["input_tokens"] + cached, found["output_tokens"]
    if "prompt_tokens" in found:
        return found["prompt_tokens"], found.get("completion_tokens", 0)
    return found["cache_n"] + found["prompt_n"], found["predicted_n"]


def _gather(document: dict[str, Any], found: dict[str, Any]) -> None:
    for name, value in document.items():
        if isinstance(value, dict):
            _gather(value, found)
        elif isinstance(value, int):
            found[name] = value


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.asyncio(loop_scope="module")
async def test_what_the_reply_reports_to_its_client_is_what_is_counted(shared, asked):
    path, body = ASKED[asked]
    before = await _row(shared, body["model"])
    async with shared.http.post(shared.url + path, json=body) as reply:
        text = await reply.text()
        assert reply.status == 200, text
    after = await _row(shared, body["model"])
    prompt, answer = _counted(text)
    assert prompt > 0
    assert after["requests"] - before["requests"] == 1
    assert after["prompt_tokens"] - before["prompt_tokens"] == prompt
    assert after["answer_tokens"] - before["answer_tokens"] == answer
    assert after["uncounted"] == before["uncounted"]
    assert after["seconds"] > before["seconds"]


async def _row(home: Any, model: str, key: str = "", **headers: str) -> dict[str, Any]:
    async with home.http.get(home.url + "/usage", headers=headers) as reply:
        rows = (await reply.json())["rows"]
    nothing = dict.fromkeys(
        ("requests", "prompt_tokens", "answer_tokens", "seconds", "uncounted"), 0
    )
    return next((row for row in rows if (row["model"], row["key"]) == (model, key)), nothing)


async def test_of_a_hang_up_as_much_as_is_known_is_counted_and_that_it_is_not_all(home):
    async with home() as yard:
        body = CHAT | {"model": "endless", "stream": True, "max_tokens": -1}
        async with yard.http.post(yard.url + "/v1/chat/completions", json=body) as reply:
            await reply.content.readany()  # it has begun, and so has its prompt been read
            await asyncio.sleep(0.3)
        async with asyncio.timeout(20):
            while not (row := await _row(yard, "endless"))["requests"]:
                await asyncio.sleep(0.05)
        assert (row["requests"], row["uncounted"]) == (1, 1)
        assert row["prompt_tokens"] > 0
        assert row["seconds"] >= 0.3


async def test_a_limit_of_a_day_holds_over_a_restart_and_a_removed_key_is_refused(tmp_path, herd):
    paths = paths_in(tmp_path / "yard", herd)
    limited = NamedKey(name="anna", digest=digest_of("anna"), tokens_per_day=5)
    admin = NamedKey(name="root", digest=digest_of("root"), scope="manage")
    for key in (limited, admin):
        add_key(keys_file(paths.state_dir), key)
    headers = {"x-api-key": "anna"}
    async with yard(paths) as home:
        url = home.url + "/v1/chat/completions"
        async with home.http.post(url, json=CHAT, headers=headers) as reply:
            used = (await reply.json())["usage"]["total_tokens"]
            assert (reply.status, used > 5) == (200, True)
        async with home.http.post(url, json=CHAT, headers=headers) as reply:
            assert reply.status == 429
    async with yard(paths) as home:
        url = home.url + "/v1/chat/completions"
        async with home.http.post(url, json=CHAT, headers=headers) as reply:
            assert (reply.status, (await reply.json())["error"]["code"]) == (429, "tokens_spent")
        row = await _row(home, "alpha", "anna", **{"x-api-key": "root"})
        assert (row["requests"], row["prompt_tokens"] + row["answer_tokens"]) == (1, used)
