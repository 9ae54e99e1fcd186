"""The files of the dashboard: given to anybody here, used by no other site, and strict in what they may do."""

import gzip
import json

import pytest
from yarl import URL

from paddock.web import assets

ELSEWHERE = {"Sec-Fetch-Site": "cross-site"}


@pytest.fixture
async def yard(open_yard, tmp_path):
    return await open_yard({"a": tmp_path / "s"}, management_keys=("manage",))


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/", "/dashboard/models/qwen3-0.6b.gguf"])
async def test_every_view_is_the_one_page_and_needs_no_key(yard, path):
    async with yard.http.get(yard.base + path) as reply:
        assert (reply.status, reply.content_type) == (200, "text/html")
        assert await reply.read() == assets()["index.html"].plain()
    assert (await yard.get("/status"))[0] == 401, "what it then asks does"


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_who_may_read_the_events_gets_the_first_one_within_the_page(
    open_yard, tmp_path, encoding
):
    """As data: no browser runs it, and no name in it ends it."""
    yard = await open_yard({"a": tmp_path / "s", "</script><b>": tmp_path / "t"})
    headers = {"Accept-Encoding": encoding, "If-None-Match": assets()["index.html"].etag}
    async with yard.http.get(yard.base + "/dashboard", headers=headers) as reply:
        assert reply.status == 200, await reply.text()
        assert reply.headers["cache-control"] == "no-store"
        text = await reply.text()
    before, _, rest = text.partition('<script type="application/json" id="snapshot">')
    data, _, after = rest.partition("</script>")
    assert (before + '<script type="application/json" id="snapshot"></script>' + after).encode() == assets()["index.html"].plain()  # fmt: skip
    assert "<" not in data
    snapshot = json.loads(data)
    assert snapshot["type"] == "snapshot"
    assert [profile["id"] for profile in snapshot["profiles"]] == ["a", "</script><b>"]


@pytest.mark.parametrize(
    ("key", "holds"), [(None, False), ("wrong", False), ("infer", False), ("manage", True)]
)
async def test_where_keys_are_needed_the_page_holds_nothing_for_others(
    open_yard, tmp_path, key, holds
):
    keys = {"api_keys": ("infer",), "management_keys": ("manage",)}
    yard = await open_yard({"a": tmp_path / "s"}, **keys)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with yard.http.get(yard.base + "/dashboard", headers=headers) as reply:
        assert (b'"snapshot"></script>' not in await reply.read()) is holds


async def test_each_file_has_its_type_is_compressed_and_asked_for_by_its_mark(yard):
    for name, asset in assets().items():
        url = f"{yard.base}/dashboard/files/{name}"
        async with yard.http.get(url, headers={"Accept-Encoding": "gzip"}) as reply:
            assert (reply.status, reply.headers["content-type"]) == (200, asset.media)
            assert reply.headers["content-encoding"] == "gzip"
            assert (await reply.read()) == gzip.decompress(asset.compressed)
        async with yard.http.get(url, headers={"Accept-Encoding": "identity"}) as reply:
            assert "content-encoding" not in reply.headers
            assert await reply.read() == asset.plain()
        async with yard.http.get(url, headers={"If-None-Match": asset.etag}) as reply:
            assert (reply.status, await reply.read()) == (304, b"")


@pytest.mark.parametrize(
    ("query", "kept"), [("?{mark}", "immutable"), ("?old", "no-cache"), ("", "no-cache")]
)
async def test_only_what_is_named_by_its_content_is_kept_without_asking(yard, query, kept):
    mark = assets()["page.js"].etag.strip('"')
    url = f"{yard.base}/dashboard/files/page.js{query.format(mark=mark)}"
    async with yard.http.get(url) as reply:
        assert kept in reply.headers["cache-control"]


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/files/main.js"])
async def test_the_policy_lets_it_use_its_own_files_and_calls_alone(yard, path):
    async with yard.http.get(yard.base + path) as reply:
        ours, *others = reply.headers.getall("content-security-policy")
        found = dict(part.split(" ", 1) for part in ours.split("; "))
        assert found.pop("require-trusted-types-for") == "'script'"
        own = dict.fromkeys(("script-src", "style-src", "connect-src", "img-src"), "'self'")
        none = ("default-src", "base-uri", "form-action", "frame-ancestors")
        assert found == {**own, **dict.fromkeys(none, "'none'")}
        assert others == ["frame-ancestors 'self'"]
        assert reply.headers["cross-origin-resource-policy"] == "same-origin"
        assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/models/a", "/dashboard/files/main.js"])
@pytest.mark.parametrize(("into", "status"), [("document", 200), ("iframe", 403), ("script", 403)])
async def test_another_site_may_lead_its_reader_here_and_no_more(yard, path, into, status):
    headers = {**ELSEWHERE, "Sec-Fetch-Dest": into}
    async with yard.http.get(yard.base + path, headers=headers) as reply:
        assert reply.status == status


@pytest.mark.parametrize("name", ["nothing.js", "%2e%2e%2fvendor.toml", "vendor", "main.js/"])
async def test_a_file_that_is_none_of_the_pages_is_not_there(yard, name):
    url = URL(f"{yard.base}/dashboard/files/{name}", encoded=True)
    async with yard.http.get(url) as reply:
        assert reply.status == 404


async def test_a_browser_that_does_not_say_who_asks_gets_the_cookie_that_says_it(yard):
    browser = {"User-Agent": "Mozilla/5.0", "Accept-Language": "en"}
    async with yard.http.get(yard.base + "/dashboard", headers=browser) as reply:
        assert "SameSite=Strict" in reply.headers["set-cookie"]
    async with yard.http.get(yard.base + "/dashboard") as reply:
        assert "set-cookie" not in reply.headers
