"""The Model Context Protocol as it goes over the wire: what a client library would hide."""

import asyncio

import pytest

from paddock.api import mcp

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
WELCOME = {"jsonrpc": "2.0", "id": 1, "method": "initialize"}


@pytest.fixture
async def yard(open_yard, tmp_path):
    return await open_yard({"a": tmp_path / "a"}, ready=False)


async def _post(yard, body, **headers):
    options = {"data": body} if isinstance(body, bytes) else {"json": body}
    async with yard.http.post(yard.base + "/mcp", headers=headers, **options) as reply:
        content = await reply.read()
        return reply.status, await reply.json() if content else None, reply.headers


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, mcp.PARSE_ERROR),
        (b"7", 400, mcp.INVALID_REQUEST),
        (PING | {"jsonrpc": "1.0"}, 400, mcp.INVALID_REQUEST),
        (PING | {"method": "resources/list"}, 200, mcp.UNKNOWN_METHOD),
        (PING | {"method": "tools/call", "params": {"name": "fly"}}, 200, mcp.INVALID_PARAMS),
        (PING | {"method": "tools/call"}, 200, mcp.INVALID_PARAMS),
    ],
)
async def test_what_is_wrong_has_its_number(yard, body, status, code):
    got, reply, _ = await _post(yard, body)
    assert (got, reply["error"]["code"]) == (status, code)


@pytest.mark.parametrize("version", mcp.VERSIONS)
async def test_a_version_that_is_known_is_spoken(yard, version):
    _, reply, headers = await _post(yard, WELCOME | {"params": {"protocolVersion": version}})
    assert reply["result"]["protocolVersion"] == version
    assert headers["Mcp-Session-Id"]


async def test_an_unknown_version_is_offered_the_newest_or_refused(yard):
    _, reply, _ = await _post(yard, WELCOME | {"params": {"protocolVersion": "1999-01-01"}})
    assert reply["result"]["protocolVersion"] == mcp.VERSIONS[0]
    status, reply, _ = await _post(yard, PING, **{"MCP-Protocol-Version": "1999-01-01"})
    assert (status, reply["error"]["data"]["supported"]) == (400, list(mcp.VERSIONS))


async def test_batches_are_for_the_version_that_has_them(yard):
    notice = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    batch = [PING, notice, PING | {"id": "two"}]
    _, replies, _ = await _post(yard, batch, **{"MCP-Protocol-Version": "2025-03-26"})
    assert [reply["id"] for reply in replies] == [1, "two"]
    status, reply, _ = await _post(yard, batch, **{"MCP-Protocol-Version": "2025-06-18"})
    assert (status, reply["error"]["code"]) == (400, mcp.INVALID_REQUEST)


async def test_a_notification_is_accepted_and_other_methods_are_harmless(yard):
    notice = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    status, reply, _ = await _post(yard, notice)
    assert (status, reply) == (202, None)
    for method, expected in (("GET", 405), ("DELETE", 204)):
        async with yard.http.request(method, yard.base + "/mcp") as answered:
            assert answered.status == expected


async def test_without_a_key_or_from_a_foreign_page_there_is_nothing(open_yard, tmp_path):
    yard = await open_yard({"a": tmp_path / "a"}, api_keys=("sk-infer",))
    status, reply, _ = await _post(yard, PING)
    assert (status, reply["error"]["data"]["reason"]) == (401, "unauthorized")
    status, _, _ = await _post(
        yard, PING, Origin="https://page.example", **{"x-api-key": "sk-infer"}
    )
    assert status == 403


async def test_a_client_that_takes_no_streams_gets_json(yard):
    called = PING | {"method": "tools/call", "params": {"name": "list_models"}}
    _, reply, headers = await _post(yard, called, Accept="application/json")
    assert headers["content-type"].startswith("application/json")
    assert reply["result"]["structuredContent"]["models"][0]["id"] == "a"


async def test_only_the_session_that_called_can_cancel(yard):
    switch = {"name": "switch_model", "arguments": {"model": "a"}}
    notice = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    accept = {"Accept": "application/json, text/event-stream", "Mcp-Session-Id": "mine"}
    called = PING | {"method": "tools/call", "params": switch}
    waiting = asyncio.ensure_future(_post(yard, called, **accept))
    await yard.stable.bus.subscribed.wait()
    for session in ({}, {"Mcp-Session-Id": "other"}):
        assert (await _post(yard, notice, **session))[0] == 202
    assert not waiting.done()
    assert (await _post(yard, notice, **{"Mcp-Session-Id": "mine"}))[0] == 202
    status, reply, _ = await waiting
    assert (status, reply) == (200, None)
