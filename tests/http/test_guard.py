"""Who is let in: keys in two scopes, and web pages kept out."""

import asyncio
import re
from typing import Any

import pytest

from paddock.config.keys import NamedKey, digest_of
from paddock.config.profile import Stable as Configured
from paddock.config.variant import Variant
from paddock.http.auth import Scope
from paddock.http.front import Route
from paddock.http.openapi import methods_of, path_of
from paddock.http.routes import ROUTES
from paddock.http.surfaces import MANAGEMENT

CHAT = "/v1/chat/completions"


async def test_without_keys_everything_is_open(open_yard, tmp_path):
    yard = await open_yard({"a": tmp_path / "s"})
    assert (await yard.get("/status"))[0] == 200


@pytest.mark.parametrize(
    ("key", "listing", "steering"),
    [(None, 401, 401), ("wrong", 401, 401), ("infer", 200, 403), ("manage", 200, 200)],
)
async def test_a_key_is_good_for_its_scope(open_yard, tmp_path, key, listing, steering):
    yard = await open_yard({"a": tmp_path / "s"}, api_keys=("infer",), management_keys=("manage",))
    for headers in ({"Authorization": f"Bearer {key}"}, {"x-api-key": str(key)}):
        given = headers if key else {}
        assert (await yard.get("/v1/models", **given))[0] == listing
        assert (await yard.get("/status", **given))[0] == steering
    assert (await yard.get("/health"))[0] == 200


# What a route is good for follows from its API; these alone differ.
APART = {
    "POST /models": Scope.MANAGEMENT,
    "DELETE /models": Scope.MANAGEMENT,
    "/api/delete": Scope.MANAGEMENT,
    "/api/copy": Scope.MANAGEMENT,
    **dict.fromkeys(("/", "/health", "/v1/health", "/tools", "/cors-proxy"), Scope.OPEN),
    **dict.fromkeys(("/dashboard", "/dashboard/files/{file}", "/dashboard/{view}"), Scope.OPEN),
    "/openapi.json": Scope.INFERENCE,
    "POST /props": Scope.MANAGEMENT,
    "POST /slots/{slot}": Scope.MANAGEMENT,
    "POST /lora-adapters": Scope.MANAGEMENT,
    "POST /models/unload": Scope.MANAGEMENT,
}
EVERY = [(method.upper(), route) for route in ROUTES for method in methods_of(route)]
WAYS: dict[str, dict[str, str]] = {
    "plainly": {},
    "as our page does": {"Origin": "http://localhost", "Host": "localhost"},
    "before its body": {"Expect": "100-continue"},
}


def _named(name: str, **more: Any) -> NamedKey:
    """Its secret is its name."""
    return NamedKey(name=name, digest=digest_of(name), **more)


# One of each sort. `narrow` may ask another model than the one that there is.
KEYS: dict[str, Any] = {
    "api_keys": ("infer",),
    "management_keys": ("manage",),
    "keys": (_named("anna"), _named("narrow", models=("other",)), _named("root", scope="manage")),
}


def _good_for(method: str, route: Route) -> Scope:
    usual = Scope.MANAGEMENT if route.surface is MANAGEMENT else Scope.INFERENCE
    path = path_of(route)
    return APART.get(path, APART.get(f"{method} {path}", usual))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("key", ["", "wrong", "infer", "anna", "narrow", "anna-was"])
async def test_by_no_route_a_key_is_good_for_more_than_it_should_be(open_yard, tmp_path, key, way):
    yard = await open_yard({"a": tmp_path / "s"}, **KEYS)
    may_ask = key in {"infer", "anna", "narrow"}
    headers = {"x-api-key": key, **WAYS[way]}
    for method, route in EVERY:
        scope = _good_for(method, route)
        if scope is Scope.OPEN or (may_ask and scope is Scope.INFERENCE):
            continue
        url = yard.base + _filled(path_of(route))
        async with yard.http.request(method, url, headers=headers) as reply:
            refused = 403 if may_ask else 401
            assert (method, route.path, reply.status) == (method, route.path, refused)
    assert (yard.stable.askers, yard.stable.ended, yard.stable.reloaded) == ([], [], 0)


@pytest.mark.parametrize("profile", ["secret", "base"])
async def test_by_no_route_a_key_hears_of_a_model_that_is_not_for_it(open_yard, tmp_path, profile):
    """Nor has it loaded: it is as if there were none. `secret` is a profile, or a variant of `base`."""
    yard = await open_yard({profile: tmp_path / "s"}, ready=False, **KEYS)
    if profile != "secret":
        known = yard.stable.roster.stable
        hidden = Variant(id="secret", base=profile, line=2, aliases=("secret-alias",))
        yard.stable.roster.stable = Configured(
            known.path, known.models_dir, known.profiles, variants={"secret": hidden}
        )
    asks = {"model": "secret", "name": "secret", "messages": [], "input": "", "prompt": "p"}
    for method, route in EVERY:
        if _good_for(method, route) is not Scope.INFERENCE or route.media == "text/event-stream":
            continue
        path = re.sub("{[a-z]+}", "secret", path_of(route).replace("{path}", "secret/x"))
        url, key = f"{yard.base}{path}?model=secret&autoload=true", {"x-api-key": "narrow"}
        async with yard.http.request(method, url, headers=key, json=asks) as reply:
            text = await reply.text()
            assert reply.status >= 400 or "secret" not in text, (method, path, text)
            assert "secret-alias" not in text, (method, path)
            assert reply.status < 500 or reply.status == 501, (method, path, text)
    assert yard.stable.askers == []
    assert yard.stable.stalls[profile].loads == 0


@pytest.mark.parametrize(("key", "status"), [("anna", 403), ("root", 200), ("anna-was", 401)])
async def test_a_named_key_is_good_for_its_scope_until_it_is_removed(
    open_yard, tmp_path, key, status
):
    yard = await open_yard({"a": tmp_path / "s"}, **KEYS)
    assert (await yard.get("/status", **{"x-api-key": key}))[0] == status
    yard.stable.keyring.take([])
    assert (await yard.get("/status", **{"x-api-key": key}))[0] == 401
    assert (await yard.get("/v1/models", **{"x-api-key": "infer"}))[0] == 200


def test_no_route_takes_a_lesser_key_than_it_should():
    """The other way round, too: what a key for inference is for, it opens."""
    wrong = [(m, r.path) for m, r in EVERY if r.scope is not _good_for(m, r)]
    assert wrong == []


@pytest.mark.parametrize("path", ["/models?reload=1", "/models?reload", "/models?x=1&reload=0"])
async def test_models_conf_is_read_again_for_managers_alone(open_yard, tmp_path, path):
    """Its faults quote it, in the answer."""
    yard = await open_yard({"a": tmp_path / "s"}, api_keys=("infer",), management_keys=("manage",))
    for key, status in (("", 401), ("infer", 403), ("manage", 200)):
        assert (await yard.get(path, **{"x-api-key": key}))[0] == status
    assert yard.stable.reloaded == 1
    assert (await yard.get("/models", **{"x-api-key": "infer"}))[0] == 200


async def test_a_refusal_is_in_the_shape_of_the_api(open_yard, tmp_path):
    yard = await open_yard({"a": tmp_path / "s"}, api_keys=("infer",))
    status, reply = await yard.post("/v1/messages", {})
    assert (status, reply["error"]["type"]) == (401, "authentication_error")
    status, reply = await yard.post(CHAT, {})
    assert (status, reply["error"]["code"]) == (401, "unauthorized")
    status, reply = await yard.get("/status")
    assert reply["error"]["hint"].startswith("send it as")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8080", 200),
        ("paddock.localhost", 200),
        ("127.0.0.1", 200),
        ("[::1]:8080", 200),
        ("192.168.1.7:80", 200),
        ("host.docker.internal:8080", 200),
        ("Host.Containers.Internal", 200),
        ("x.host.docker.internal", 403),
        ("host.docker.internal.evil.example", 403),
        ("gateway.docker.internal", 403),
        ("box.lan", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("evil.example:8080", 403),
        ("[::1]evil.example", 403),
        ("localhost:80@evil.example", 403),
    ],
)
async def test_a_name_that_is_not_ours_is_dns_rebinding(open_yard, tmp_path, host, status):
    yard = await open_yard({"a": tmp_path / "s"}, allowed_hosts=("box.lan",))
    assert (await yard.get("/health", Host=host))[0] == status
    assert (await yard.get("/no/such/thing", Host=host))[0] == (404 if status == 200 else 403)


@pytest.mark.parametrize("second", ["evil.example", "localhost"])
async def test_there_is_one_host_or_none(open_yard, tmp_path, second):
    yard = await open_yard({"a": tmp_path / "s"})
    reader, writer = await asyncio.open_connection(*yard.address)
    writer.write(f"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: {second}\r\n\r\n".encode())
    assert b" 400 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://localhost:8080", "Host": "localhost:8080"}, 200),
        ({"Origin": "https://good.example"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://localhost:3000", "Host": "localhost:8080"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
async def test_pages_of_other_origins_change_nothing(open_yard, tmp_path, headers, status):
    yard = await open_yard({"a": tmp_path / "s"}, allowed_origins=("https://good.example",))
    assert (await yard.post("/unload", {}, **headers))[0] == status


BROWSER = {"User-Agent": "Mozilla/5.0 (X11)", "Accept-Language": "en"}
NAVIGATES = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
ELSEWHERE = {
    "a fetch": {"Origin": "https://evil.example", **BROWSER},
    "an image": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", **BROWSER},
    "a link": {"Sec-Fetch-Site": "cross-site", **NAVIGATES, **BROWSER},
    "a link of another port": {"Sec-Fetch-Site": "same-site", **NAVIGATES, **BROWSER},
    "a frame": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "iframe", **BROWSER},
    "a sandbox": {"Origin": "null", **BROWSER},
    "a sandbox that says nothing else": {"Origin": "null"},
    "a fetch that says nothing else": {"Origin": "https://evil.example"},
    "a browser that does not tell": BROWSER,
    "a cookie of a similar name": {"Cookie": "paddock-visited=0", **BROWSER},
}
HERE = {
    "curl": {"User-Agent": "curl/8.5.0"},
    "PowerShell": {"User-Agent": "Mozilla/5.0 (Windows NT) WindowsPowerShell/5.1"},
    "Node": {"Sec-Fetch-Mode": "cors", "Accept-Language": "*", "User-Agent": "node"},
    "typed": {"Sec-Fetch-Site": "none", **NAVIGATES, **BROWSER},
    "our page": {"Sec-Fetch-Site": "same-origin", **BROWSER},
    "our page, where its browser does not tell": {"Cookie": "a=b; paddock-visited=1", **BROWSER},
}
# What may be read by whoever can send a request but not read its answer; every other route acts.
HARMLESS = {
    "/",
    "/api/blobs/{digest}",
    "/api/create",
    "/api/ps",
    "/api/push",
    "/api/tags",
    "/api/version",
    "/bench",
    "/bench/{run}",
    "/tunings",
    "/tunings/{tuning}",
    "/catalog",
    "/cors-proxy",
    "/dashboard",
    "/dashboard/files/{file}",
    "/dashboard/{view}",
    "/devices/history",
    "/health",
    "/history/{model}",
    "/jobs/{job}",
    "/models",
    "/openapi.json",
    "/pairs",
    "/plans",
    "/preview/{model}",
    "/pulls",
    "/pulls/{pull}",
    "/status",
    "/switches",
    "/tools",
    "/v1/health",
    "/v1/models",
    "/v1/models/{model}",
}
ACTING = [
    *((m, path_of(route)) for m, route in EVERY if m != "GET" or path_of(route) not in HARMLESS),
    ("GET", "/models?reload=1"),
]


def _filled(path: str) -> str:
    return re.sub("{[a-z]+}", "a", path.replace("{path}", "a/x"))


@pytest.mark.parametrize("who", ELSEWHERE)
async def test_no_other_site_does_or_follows_anything_by_any_route(open_yard, tmp_path, who):
    yard = await open_yard({"a": tmp_path / "s"}, ready=False)
    for method, path in ACTING:
        url = yard.base + _filled(path)
        async with yard.http.request(method, url, headers=ELSEWHERE[who]) as reply:
            assert (path, reply.status) == (path, 403)
    assert yard.stable.stalls["a"].loads == 0


@pytest.mark.parametrize("who", HERE)
async def test_programs_people_and_our_page_are_not_taken_for_one(open_yard, tmp_path, who):
    yard = await open_yard({"a": tmp_path / "s"}, ready=False)
    assert (await yard.get("/props?model=a", **HERE[who]))[0] == 409, "not loaded, but let in"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/status"), ("GET", "/nothing"), ("HEAD", "/"), ("DELETE", "/status")],
)
async def test_every_reply_but_to_a_post_says_who_may_show_it_within_his_page(
    open_yard, tmp_path, method, path
):
    yard = await open_yard({"a": tmp_path / "s"}, allowed_origins=("https://good.example",))
    async with yard.http.request(method, yard.base + path) as reply:
        assert reply.headers["x-frame-options"] == "SAMEORIGIN"
        assert reply.headers["content-security-policy"] == (
            "frame-ancestors 'self' https://good.example"
        )


async def test_an_allowed_origin_gets_its_cors_headers(open_yard, tmp_path):
    yard = await open_yard({"a": tmp_path / "s"}, allowed_origins=("https://good.example",))
    asks = {"Origin": "https://good.example", "Access-Control-Request-Headers": "x-api-key"}
    async with yard.http.options(yard.base + CHAT, headers=asks) as reply:
        assert reply.status == 204
        assert reply.headers["access-control-allow-headers"] == "x-api-key"
        assert reply.headers["access-control-allow-origin"] == "https://good.example"
    async with yard.http.get(yard.base + "/v1/models", headers=asks) as reply:
        assert reply.headers["access-control-allow-origin"] == "https://good.example"
    async with yard.http.options(yard.base + CHAT, headers={"Origin": "null"}) as reply:
        assert reply.status == 403
        assert "access-control-allow-origin" not in reply.headers


@pytest.mark.parametrize(
    ("origin", "status"), [("https://good.example", 204), ("https://evil.example", 403)]
)
async def test_a_browser_that_asks_before_it_sends_is_answered_by_us_at_every_path(
    open_yard, tmp_path, origin, status
):
    """It sends no key with that, and no instance is asked, let alone loaded."""
    keys = {"api_keys": ("infer",), "management_keys": ("manage",)}
    yard = await open_yard({"a": tmp_path / "s"}, allowed_origins=("https://good.example",), **keys)
    asks = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    for path in {path_of(route) for route in ROUTES}:
        async with yard.http.options(yard.base + _filled(path), headers=asks) as reply:
            assert (path, reply.status) == (path, status)
            allowed = reply.headers.get("access-control-allow-origin")
            assert allowed == (origin if status == 204 else None)
    assert yard.stable.askers == []
