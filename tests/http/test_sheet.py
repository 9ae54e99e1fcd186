"""Lists that go out in pieces: the same document, however long, to whatever client."""

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from paddock.http.sheet import Sheet


class Page(msgspec.Struct):
    """A list with fields before and behind its rows."""

    object: str
    data: list[dict[str, str]]
    last: str | None = None


async def page(request: web.Request) -> web.StreamResponse:
    sheet = Sheet(request, Page("list", []))
    count = int(request.query["rows"])
    for number in range(count):
        await sheet.add({"id": f"m{number}", "text": '"data":[] \u2026' * 20})
    return await sheet.end(Page("list", [], f"m{count - 1}" if count else None))


@pytest.fixture
async def client():
    app = web.Application()
    app.router.add_get("/", page)
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.mark.parametrize("rows", [0, 1, 2, 700, 1500, 9000])
async def test_it_is_the_document_that_it_would_be_in_one_piece(client, rows):
    reply = await client.get(f"/?rows={rows}")
    found = msgspec.json.decode(await reply.read(), type=Page)
    assert [row["id"] for row in found.data] == [f"m{number}" for number in range(rows)]
    assert found.last == (f"m{rows - 1}" if rows else None)
    assert reply.content_type == "application/json"


@pytest.mark.parametrize("rows", [1, 9000])
async def test_whoever_asks_for_the_head_alone_gets_that(client, rows):
    reply = await client.head(f"/?rows={rows}")
    assert (reply.status, await reply.read()) == (200, b"")
    assert (await client.get("/?rows=1")).status == 200, "on the same connection"


async def test_a_short_one_has_a_length_and_a_long_one_has_none(client):
    assert (await client.get("/?rows=10")).headers["content-length"]
    assert "content-length" not in (await client.get("/?rows=9000")).headers
