"""Lists of models, in the shapes that clients expect."""

import pytest

from tests.http.conftest import Open

ANTHROPIC = {"anthropic-version": "2023-06-01"}


@pytest.fixture
async def yard(open_yard: Open, talker):
    return await open_yard({"a": talker, "claude-b": talker, "c": talker})


async def test_anthropics_clients_get_their_shape_and_names_that_claude_code_shows(yard):
    status, page = await yard.get("/v1/models?limit=1000", **ANTHROPIC)
    assert status == 200
    assert [row["id"] for row in page["data"]] == [
        "anthropic-a",
        "anthropic-claude-b",
        "anthropic-c",
    ]
    assert {row["type"] for row in page["data"]} == {"model"}
    assert (page["first_id"], page["last_id"]) == ("anthropic-a", "anthropic-c")
    assert page["has_more"] is False


async def test_a_name_from_that_list_is_understood_everywhere(yard):
    body = {
        "model": "anthropic-a",
        "messages": [{"role": "user", "content": "hi"}],
        "max_tokens": 9,
    }
    async with yard.http.post(yard.base + "/v1/messages", json=body) as reply:
        assert reply.headers["x-paddock-profile"] == "a"
    assert (await yard.get("/v1/models/anthropic-a", **ANTHROPIC))[1]["id"] == "anthropic-a"
    assert (await yard.get("/v1/models/anthropic-a"))[1]["id"] == "a"
    assert (await yard.get("/v1/models/a:latest"))[1]["id"] == "a"
    assert (await yard.get("/v1/models/claude-nope"))[0] == 404


@pytest.mark.parametrize(
    ("query", "ids", "more"),
    [
        ("limit=1", ["anthropic-a"], True),
        ("limit=1&after_id=anthropic-a", ["anthropic-claude-b"], True),
        ("limit=2&after_id=anthropic-a", ["anthropic-claude-b", "anthropic-c"], False),
        ("limit=1&before_id=anthropic-c", ["anthropic-claude-b"], True),
    ],
)
async def test_anthropics_list_has_pages(yard, query: str, ids: list[str], more: bool):
    page = (await yard.get(f"/v1/models?{query}", **ANTHROPIC))[1]
    assert ([row["id"] for row in page["data"]], page["has_more"]) == (ids, more)


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "after_id=nope"])
async def test_a_page_that_cannot_be_is_refused(yard, query: str):
    assert (await yard.get(f"/v1/models?{query}", **ANTHROPIC))[0] == 400


async def test_hidden_profiles_are_in_no_list_but_the_routers(open_yard: Open, talker):
    yard = await open_yard({"a": talker}, hidden=True)
    assert (await yard.get("/v1/models", **ANTHROPIC))[1]["data"] == []
    assert (await yard.get("/catalog"))[1] == {"models": []}
    assert [row["id"] for row in (await yard.get("/models"))[1]["data"]] == ["a"]
