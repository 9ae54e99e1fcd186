"""Who is let in: keys in two scopes, and web pages kept out."""

import pytest

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
    ],
)
async def test_a_name_that_is_not_ours_is_dns_rebinding(open_yard, tmp_path, host, status):
    yard = await open_yard({"a": tmp_path / "s"}, allowed_hosts=("box.lan",))
    assert (await yard.get("/health", Host=host))[0] == status
    assert (await yard.get("/no/such/thing", Host=host))[0] == (404 if status == 200 else 403)


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


@pytest.mark.parametrize("path", ["/events", "/logs/a", "/props", "/upstream/a/x", "/metrics"])
async def test_nor_do_they_look_where_looking_tells_or_loads(open_yard, tmp_path, path):
    yard = await open_yard({"a": tmp_path / "s"})
    assert (await yard.get(path, Origin="https://evil.example"))[0] == 403
    image = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    assert (await yard.get(path, **image))[0] == 403


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
