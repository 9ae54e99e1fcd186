"""Keys that are limited to profiles or to variants of them: in each list, and on each way to an instance."""

from typing import Any

import pytest

from paddock.config.keys import NamedKey, digest_of
from paddock.config.profile import Stable as Configured
from paddock.config.variant import Variant
from tests.http.conftest import Yard

VARIANTS = (
    Variant(id="brief", base="base", line=2, aliases=("short",)),
    Variant(id="long", base="base", line=3),
    Variant(id="unseen", base="base", line=4, hidden=True),
    Variant(id="private", base="secret", line=5),
)
ANNA = {"x-api-key": "anna"}
MCP = {
    "jsonrpc": "2.0", "id": 1, "method": "tools/call",
    "params": {"name": "list_models", "arguments": {}},
}  # fmt: skip


async def _open(open_yard: Any, socket: Any, *models: str) -> Yard:
    key = NamedKey(name="anna", digest=digest_of("anna"), models=models)
    yard: Yard = await open_yard({"base": socket, "secret": socket}, keys=(key,))
    known = yard.stable.roster.stable
    variants = {variant.id: variant for variant in VARIANTS}
    yard.stable.roster.stable = Configured(
        known.path, known.models_dir, known.profiles, variants=variants
    )
    return yard


SHOWN = ["base", "brief", "long"]


@pytest.mark.parametrize(
    ("models", "shown"),
    [
        (("base",), SHOWN),
        (("base-alias",), SHOWN),
        (("short",), ["brief"]),
        (("long", "private"), ["long", "private"]),
        (("secret",), ["secret", "private"]),
        (("gone",), []),
    ],
)
async def test_each_list_has_what_is_for_the_key(open_yard, tmp_path, models, shown):
    yard = await _open(open_yard, tmp_path / "s", *models)
    _, openai = await yard.get("/v1/models", **ANNA)
    assert [row["id"] for row in openai["data"]] == shown
    assert (openai["first_id"], openai["last_id"]) == (
        (shown[0], shown[-1]) if shown else (None, None)
    )
    _, claude = await yard.get("/v1/models", **ANNA, **{"anthropic-version": "2023-06-01"})
    assert [row["id"] for row in claude["data"]] == [f"anthropic-{name}" for name in shown]
    _, router = await yard.get("/models", **ANNA)
    rows = [row["id"] for row in router["data"]]
    assert [name for name in rows if name != "unseen"] == shown
    assert ("unseen" in rows) is ("base" in shown)
    _, cards = await yard.get("/catalog", **ANNA)
    assert [card["id"] for card in cards["models"]] == shown
    _, tags = await yard.get("/api/tags", **ANNA)
    assert [row["model"] for row in tags["models"]] == [f"{name}:latest" for name in shown]
    _, answer = await yard.post("/mcp", MCP, **ANNA, Accept="application/json, text/event-stream")
    assert [row["id"] for row in answer["result"]["structuredContent"]["models"]] == shown
    _, loaded = await yard.get("/api/ps", **ANNA)  # instances: of profiles, not of variants
    names = {row["model"].removesuffix(":latest") for row in loaded["models"]}
    assert names == {"base", "secret"} & set(shown)


FORMS = ["brief", "short", "BRIEF", "claude-brief", "anthropic-brief", "brief:latest"]


@pytest.mark.parametrize("models", [("brief",), ("base",), ("long",)])
async def test_by_every_name_it_is_there_or_it_is_not(open_yard, talker, models):
    yard = await _open(open_yard, talker, *models)
    expected = 404 if models == ("long",) else 200
    hello = [{"role": "user", "content": "hi"}]
    for name in FORMS:
        asks: dict[str, Any] = {"model": name, "messages": hello, "max_tokens": 2}
        assert (await yard.get(f"/v1/models/{name}", **ANNA))[0] == expected
        assert (await yard.post("/api/show", {"model": name}, **ANNA))[0] == expected
        assert (await yard.post("/v1/chat/completions", asks, **ANNA))[0] == expected
        assert (await yard.post("/v1/messages/count_tokens", asks, **ANNA))[0] == expected
        assert (await yard.post("/api/chat", asks | {"stream": False}, **ANNA))[0] == expected


WAYS = ["/props?model={0}", "/slots?model={0}", "/metrics?model={0}", "/upstream/{0}/props"]


@pytest.mark.parametrize("model", ["brief", "base"])
async def test_to_the_instance_itself_no_key_of_a_variant_leads(open_yard, talker, model):
    """There its settings would not be in the request."""
    yard = await _open(open_yard, talker, model)
    for way in WAYS:
        for name in ("base", "brief", "short"):
            path = way.format(name)
            async with yard.http.get(yard.base + path, headers=ANNA) as reply:
                if way.startswith("/metrics"):  # of the daemon: for managers alone
                    assert reply.status == 403
                elif model == "brief":
                    assert (path, reply.status) == (path, 404)
                else:
                    assert reply.status != 404, path
    body = {"model": "brief", "messages": []}
    status, _ = await yard.post("/upstream/brief/v1/chat/completions", body, **ANNA)
    assert (status == 404) is (model == "brief")
    if model == "brief":
        assert yard.stable.askers == []


async def test_who_may_ask_a_variant_may_have_its_model_loaded(open_yard, tmp_path):
    yard = await _open(open_yard, tmp_path / "s", "brief")
    assert (await yard.post("/models/load", {"model": "brief"}, **ANNA))[0] == 200
    for name in ("base", "long", "private", "secret"):
        status, answer = await yard.post("/models/load", {"model": name}, **ANNA)
        assert status == 404
        assert "nearest" not in answer["error"]["message"]
