"""Keys with limits: which models, how many at a time, how much a day; each API says no in its own shape."""

import asyncio
from typing import Any

import pytest

from paddock.config.keys import NamedKey, digest_of
from paddock.errors import CannotFit
from tests.http.conftest import until

HELLO = [{"role": "user", "content": "hi"}]
CHAT = {"model": "a", "messages": HELLO, "max_tokens": 4}
APIS: dict[str, tuple[str, dict[str, Any]]] = {
    "openai": ("/v1/chat/completions", CHAT),
    "responses": ("/v1/responses", {"model": "a", "input": "hi"}),
    "anthropic": ("/v1/messages", CHAT),
    "ollama": ("/api/chat", {"model": "a", "messages": HELLO}),
    "llama": ("/completion", {"model": "a", "prompt": "hi"}),
}
ANNA = {"x-api-key": "anna"}


def anna(**limits: Any) -> NamedKey:
    return NamedKey(name="anna", digest=digest_of("anna"), **limits)


def code_of(api: str, reply: Any) -> str:
    if api == "ollama":
        return str(reply["code"])
    error = reply["error"]
    return str(error["reason"] if api == "llama" else error["code"])


@pytest.mark.parametrize("api", APIS)
async def test_when_the_tokens_of_today_are_used_it_is_said_until_when(open_yard, tmp_path, api):
    yard = await open_yard({"a": tmp_path / "s"}, keys=(anna(tokens_per_day=10),))
    holder = next(one for _, one in yard.stable.keyring._all)
    holder.spend(10)
    path, body = APIS[api]
    async with yard.http.post(yard.base + path, json=body, headers=ANNA) as reply:
        said = await reply.json()
        assert (reply.status, code_of(api, said)) == (429, "tokens_spent")
        assert 0 < int(reply.headers["retry-after"]) <= 25 * 3600
        if api == "anthropic":
            assert said["error"]["type"] == "rate_limit_error"
    assert yard.stable.askers == []
    assert (await yard.get("/v1/models", **ANNA))[0] == 200


@pytest.mark.parametrize("api", APIS)
async def test_a_request_too_many_is_refused_until_another_is_over(open_yard, tmp_path, api):
    yard = await open_yard({"a": tmp_path / "s"}, ready=False, keys=(anna(concurrency=1),))
    path, body = APIS[api]
    first = asyncio.create_task(yard.post("/v1/chat/completions", CHAT, **ANNA))
    await until(lambda: len(yard.stable.askers) == 1)
    async with yard.http.post(yard.base + path, json=body, headers=ANNA) as reply:
        assert (reply.status, code_of(api, await reply.json())) == (429, "key_busy")
        assert reply.headers["retry-after"] == "1"
    first.cancel()  # hangs up
    holder = next(one for _, one in yard.stable.keyring._all)
    await until(lambda: holder.active == 0)


@pytest.mark.parametrize("api", APIS)
async def test_a_model_that_is_not_for_it_is_none(open_yard, tmp_path, api):
    yard = await open_yard({"a": tmp_path / "s", "b": tmp_path / "t"}, keys=(anna(models=("b",)),))
    path, body = APIS[api]
    status, said = await yard.post(path, body, **ANNA)
    assert (status, code_of(api, said)) == (404, "model_not_found")
    _, listed = await yard.get("/v1/models", **ANNA)
    assert [model["id"] for model in listed["data"]] == ["b"]
    _, tags = await yard.get("/api/tags", **ANNA)
    assert [model["name"] for model in tags["models"]] == ["b:latest"]


@pytest.mark.parametrize("models", [(), ("a",)])
async def test_only_keys_of_all_models_see_who_keeps_the_memory(open_yard, tmp_path, models):
    yard = await open_yard({"a": tmp_path / "s"}, keys=(anna(models=models),))
    yard.stable.stalls["a"].refusal = CannotFit("a cannot fit: secret.1 keeps 9 GiB", hint="secret")
    question = {"name": "ask_model", "arguments": {"model": "a", "prompt": "hi"}}
    called = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": question}
    asked = [*APIS.values(), ("/mcp", called)]
    for path, body in asked:
        for streams in (False, True) if path != "/mcp" else (False,):
            asks = body | ({"stream": True} if streams else {})
            accept = {"Accept": "application/json, text/event-stream"}
            async with yard.http.post(yard.base + path, json=asks, headers=ANNA | accept) as reply:
                text = await reply.text()
                assert "cannot fit" in text, (path, text)
                assert ("secret" in text) is (not models), (path, text)


@pytest.mark.parametrize("api", ["openai", "anthropic", "ollama"])
async def test_a_refused_request_is_not_counted_and_one_that_failed_is_over(
    open_yard, tmp_path, api
):
    """There is no instance behind the socket: a 502, or what the API makes of it."""
    yard = await open_yard({"a": tmp_path / "s"}, keys=(anna(concurrency=1),))
    path, body = APIS[api]
    for _ in range(2):
        status, _ = await yard.post(path, body, **ANNA)
        assert status == 502
    pending = yard.stable.usage_log._pending.values()
    assert [(row.key, row.model, row.requests) for row in pending] == [("anna", "a", 2)]


async def test_without_keys_requests_are_counted_as_nobodys(open_yard, talker):
    yard = await open_yard({"a": talker})
    assert (await yard.post("/v1/chat/completions", CHAT))[0] == 200
    [row] = yard.stable.usage_log._pending.values()
    assert (row.key, row.model, row.requests, row.uncounted) == ("", "a", 1, 0)
    assert row.prompt_tokens > 0
    assert row.answer_tokens > 0
    assert b"paddock_key_requests_total{" not in yard.stable.metrics.render()


async def test_metrics_have_each_key_until_it_is_removed(open_yard, talker):
    yard = await open_yard({"a": talker}, keys=(anna(),), management_keys=("manage",))
    for key in ("anna", "manage"):
        status, _ = await yard.post("/v1/chat/completions", CHAT, **{"x-api-key": key})
        assert status == 200
    scraped = yard.stable.metrics.render()
    for name in (b"anna", b"management-keys"):
        assert b'paddock_key_requests_total{key="%s"} 1.0' % name in scraped
        assert b'paddock_key_tokens_total{key="%s",kind="prompt"}' % name in scraped
        assert b'paddock_key_seconds_total{key="%s"}' % name in scraped
    yard.stable.keyring.take([])
    yard.stable.metrics.keep_only_keys(yard.stable.keyring.names)
    assert b"anna" not in yard.stable.metrics.render()


async def test_a_removed_key_lets_nobody_in_on_a_connection_that_it_let_in(open_yard, talker):
    yard = await open_yard({"a": talker}, keys=(anna(),), management_keys=("manage",))
    for _ in range(3):  # the same head, which is not read anew
        assert (await yard.post("/v1/chat/completions", CHAT, **ANNA))[0] == 200
    yard.stable.keyring.take([])
    assert (await yard.post("/v1/chat/completions", CHAT, **ANNA))[0] == 401
