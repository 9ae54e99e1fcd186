"""llama-server's own web page at our address, from the embedded engine, which carries it."""

import re

import pytest

from tests.yard import engine_command, wrapper

BROWSER = {"Accept": "text/html,application/xhtml+xml"}
KEYS = {"api_keys": ("secret",)}


async def _text(yard, path, **headers):
    async with yard.http.get(yard.url + path, headers=headers) as reply:
        return reply.status, await reply.text()


async def test_a_browser_gets_it_with_no_model_loaded_and_no_key(home):
    async with home(engine="embedded", **KEYS) as yard:
        status, page = await _text(yard, "/", **BROWSER)
        assert status == 200
        assert "<!doctype html>" in page
        for path in re.findall(r'href="\./(_app/[^"]+)"', page):
            assert (await _text(yard, f"/{path}"))[0] == 200
        assert (await _text(yard, "/v1/models"))[0] == 401  # what it asks then needs one
        assert (await yard.get("/health")) == {"status": "ok"}


async def test_others_get_the_words_as_before(home):
    async with home(engine="embedded") as yard:
        status, text = await _text(yard, "/")
        assert (status, text.splitlines()[0][:15]) == (200, "This is Paddock")


async def test_it_is_taken_once_and_not_sent_twice(home):
    async with home(engine="embedded") as yard:
        await _text(yard, "/", **BROWSER)
        kept = yard.paths.state_dir / "web-page.msgpack"
        first = kept.stat().st_mtime_ns
        async with yard.http.get(yard.url + "/favicon.svg") as reply:
            tag = reply.headers["etag"]
        async with yard.http.get(
            yard.url + "/favicon.svg", headers={"If-None-Match": tag}
        ) as again:
            assert again.status == 304
        assert kept.stat().st_mtime_ns == first
    async with home(engine="embedded") as yard:  # the next daemon
        assert (await _text(yard, "/", **BROWSER))[0] == 200
        assert kept.stat().st_mtime_ns == first


async def test_it_is_plain_for_who_cannot_unpack_it(home):
    async with home(engine="embedded") as yard:
        status, page = await _text(yard, "/", **BROWSER, **{"Accept-Encoding": "identity"})
        assert (status, "<!doctype html>" in page) == (200, True)


@pytest.mark.parametrize("body", ["", "exit 1"])
async def test_where_the_default_engine_has_none_the_wheels_is_shown(home, tmp_path, body):
    """One that was built without it, and one that does not come up."""
    if len(engine_command()) > 1:
        pytest.skip("the embedded engine is the only one here, and carries it")
    engine = wrapper(tmp_path / "plain-llama-server", body)
    async with home(engine=str(engine)) as yard:
        status, page = await _text(yard, "/", **BROWSER)
        assert (status, "<!doctype html>" in page) == (200, True)
        assert (yard.paths.state_dir / "web-page.msgpack").exists() == (not body)


@pytest.mark.parametrize("path", ["/nothing.js", "/_app/nothing.css", "/nothing"])
async def test_what_it_has_not_is_not_found(home, path):
    async with home(engine="embedded") as yard:
        assert (await _text(yard, path, **BROWSER))[0] == 404


async def test_features_of_the_router_that_are_off_say_so_as_it_does(home):
    async with home() as yard:
        for path in ("/tools", "/cors-proxy"):
            async with yard.http.get(yard.url + path) as reply:
                assert reply.status == 403
                assert (await reply.json())["error"]["type"] == "feature_disabled"
