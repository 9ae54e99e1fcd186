"""Keys, hosts and origins, seen from outside and from behind: what llama-server gets to hear."""

import re
from typing import Any

import anthropic
import openai
import pytest

from paddock.http.openapi import methods_of, path_of
from paddock.http.routes import ROUTES
from tests.e2e.clients import anthropic_of, openai_of
from tests.e2e.engines import tap
from tests.e2e.wire import CHAT, HELLO, head, line, post

KEYS: dict[str, Any] = {"api_keys": ("sk-infer",), "management_keys": ("sk-manage",)}
ASK: dict[str, Any] = {"model": "tapped", "max_tokens": 9, "messages": HELLO}


async def test_no_key_of_a_client_ever_reaches_llama_server(home, tmp_path):
    tapped = tap(tmp_path)
    conf = f"[tapped]\nmodel = gamma.gguf\nengine = {tapped.engine}\n"
    telling = {
        "Cookie": "session=c-secret",
        "X-Forwarded-For": "10.1.2.3",
        "Proxy-Auth": "p-secret",
    }
    async with home(conf, **KEYS) as yard:
        async with openai_of(yard, key="sk-infer", default_headers=telling) as client:
            await client.chat.completions.create(**ASK)
        async with anthropic_of(yard, key="sk-manage") as client:
            await client.messages.create(**ASK)
        bearer = {"Authorization": "Bearer sk-infer"}
        async with yard.http.get(yard.url + "/upstream/tapped/health", headers=bearer) as reply:
            assert reply.status == 200
    heard = tapped.heard.lower()
    assert heard.count(b"post /v1/chat/completions ") == 1
    assert heard.count(b"post /v1/messages ") == 1
    for secret in (b"sk-infer", b"sk-manage", b"secret", b"10.1.2.3", b"authorization", b"api-key"):
        assert secret not in heard


async def test_a_body_reaches_llama_server_byte_for_byte(home, tmp_path):
    tapped = tap(tmp_path)
    body = '{ "messages" : [{"content":"gr\u00fc\\u00df\u0067", "role":"user"}],"model":"t"}  \n'.encode()
    conf = f"[tapped]\nmodel = gamma.gguf\nengine = {tapped.engine}\naliases = t\n"
    async with home(conf) as yard, line(yard.url) as client:
        await client.send(post(CHAT, body))
        assert (await client.reply()).status == 200
    assert tapped.heard.endswith(b"\r\n\r\n" + body)


async def test_without_a_key_nobody_is_served_and_nothing_is_loaded(home):
    async with home(**KEYS) as yard:
        async with openai_of(yard, key="sk-guess") as client:
            with pytest.raises(openai.AuthenticationError):
                await client.chat.completions.create(**ASK | {"model": "alpha"})
        async with anthropic_of(yard, key="sk-guess") as client:
            with pytest.raises(anthropic.AuthenticationError):
                await client.messages.create(**ASK | {"model": "alpha"})
        for path in (
            "/v1/models",
            "/status",
            "/events",
            "/metrics",
            "/logs/alpha",
            "/openapi.json",
        ):
            async with yard.http.get(yard.url + path) as reply:
                assert (path, reply.status) == (path, 401)
        assert yard.daemon.status().instances == []
        async with yard.http.get(yard.url + "/health") as reply:
            assert reply.status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/status"),
        ("GET", "/events"),
        ("GET", "/logs/alpha"),
        ("GET", "/metrics"),
        ("POST", "/switch"),
        ("POST", "/unload"),
        ("POST", "/cancel"),
        ("POST", "/reload"),
        ("POST", "/shutdown"),
        ("POST", "/models/unload"),
    ],
)
async def test_a_key_for_inference_does_not_manage(home, method, path):
    bearer = {"Authorization": "Bearer sk-infer"}
    async with home(**KEYS) as yard:
        asked = yard.http.request(method, yard.url + path, json={"model": "alpha"}, headers=bearer)
        async with asked as reply:
            assert reply.status == 403
        assert yard.daemon.status().instances == []


async def test_a_key_for_inference_loads_as_the_routers_page_does(home):
    """To ask a model loads it too, so this gives nothing away."""
    bearer = {"Authorization": "Bearer sk-infer"}
    async with home(**KEYS) as yard:
        url = yard.url + "/models/load"
        async with yard.http.get(yard.url + "/models/sse", headers=bearer) as stream:
            async with yard.http.post(url, json={"model": "alpha"}, headers=bearer) as reply:
                assert await reply.json() == {"success": True}
            async for line in stream.content:
                if b'"loaded"' in line:
                    break


async def test_a_key_for_management_does_both(home):
    key = {"x-api-key": "sk-manage"}
    async with home(**KEYS) as yard:
        asked = yard.http.post(yard.url + "/switch", json={"model": "alpha"}, headers=key)
        async with asked as reply:
            assert (reply.status, (await reply.json())["outcome"]) == (200, "ready")
        async with openai_of(yard, key="sk-manage") as client:
            said = await client.chat.completions.create(**ASK | {"model": "alpha"})
    assert said.choices[0].message.content == "I am alpha."


async def test_a_foreign_name_for_our_address_is_refused(home):
    body = b'{"model": "alpha"}'
    async with home() as yard, line(yard.url) as client:
        for path in ("/switch", CHAT, "/v1/messages"):
            text = post(path, body).replace(b"Host: localhost", b"Host: rebound.example:8080")
            await client.send(text)
            assert (await client.reply()).status == 403
        await client.send(head("GET", "/status").replace(b"localhost", b"rebound.example"))
        assert (await client.reply()).status == 403
        assert not (await yard.status()).instances


@pytest.mark.parametrize(
    "page",
    [
        ("Origin: https://page.example",),
        ("Origin: null",),
        ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"),
    ],
    ids=lambda page: page[0],
)
async def test_a_page_of_another_site_neither_asks_nor_steers(home, page):
    """A form or a `fetch` without preflight may send this much from any page."""
    plain = ("Content-Type: text/plain", *page)
    async with home() as yard, line(yard.url) as client:
        for path in (CHAT, "/v1/messages", "/completion", "/switch", "/unload", "/shutdown"):
            await client.send(post(path, {"model": "alpha"}, *plain))
            assert (await client.reply()).status == 403
        await client.send(head("GET", "/props?model=alpha&autoload=true", *page))
        assert (await client.reply()).status == 403
        await client.send(head("GET", "/upstream/alpha/health", *page))
        assert (await client.reply()).status == 403
        assert not (await yard.status()).instances


READING = sorted({path_of(r) for r in ROUTES if "get" in methods_of(r) and not r.acts})


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_what_a_page_of_another_site_may_call_does_nothing(home, method):
    """Its answer stays unread there; so whatever does something must be marked, and is refused."""
    page = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    async with home() as yard:
        bus, parts = yard.daemon.bus, yard.daemon.parts
        before = bus.seq
        for path in READING:
            url = yard.url + re.sub("{[a-z]+}", "alpha", path)
            async with yard.http.request(method, url, headers=page) as reply:
                assert (path, reply.status != 500) == (path, True)
        assert bus.seq == before, "nothing happened that is published"
        assert not parts.registry
