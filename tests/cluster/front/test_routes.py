"""Every path of a daemon on a front of two: the same shapes, merged or of the node that is meant."""

import io
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from yarl import URL

from paddock.api.events import AnyEvent, Snapshot
from paddock.api.sse import SseMessage, SseParser
from paddock.api.types import InstanceInfo, Status
from paddock.cluster.front.routes import FRONT_ROUTES, ONE_NODE
from paddock.config.keys import NamedKey, digest_of
from paddock.http.routes import ROUTES
from paddock.tui.reducer import reduce
from paddock.tui.state import View
from tests.cluster.stable import KEY, StableYard, stable_of

CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}]}


def test_a_front_has_every_path_of_a_daemon() -> None:
    short = {re.sub(r":\.\+\??", "", path) for path in (route.path for route in FRONT_ROUTES)}
    assert {re.sub(r":\.\+\??", "", route.path) for route in ROUTES} <= short
    assert {(route.method, route.path) for route in ROUTES} >= ONE_NODE


def _confs(models: Path) -> dict[str, str]:
    shared = f"[beta]\nmodel = {models}/beta.gguf\naliases = both\n[beta:terse]\nvariant-of = beta\nmax-tokens = 3\n"
    return {
        "one": f"[alpha]\nmodel = {models}/alpha.gguf\n{shared}",
        "two": f"{shared}[gamma]\nmodel = {models}/gamma.gguf\nhidden = true\n",
    }


async def test_all_of_it(tmp_path: Path, models: Path) -> None:
    """One stable for many questions, as each daemon takes its time to begin and to end."""
    async with stable_of(tmp_path, _confs(models), is_keyed=True) as home:
        await _names(home)
        await _lists(home)
        await _events(home)
        await _shapes(home)
        await _steering(home)
        await _agents(home)
        await _refusals(home)


async def _names(home: StableYard) -> None:
    for name, words in (
        ("alpha", "I am alpha."),
        ("gamma@two", "I am gamma."),
        ("beta@one", "I am beta."),
        ("both@two", "I am beta."),
        ("anthropic-beta@two", "I am beta."),
    ):
        assert await home.answer(name) == words
    for path, body in (
        ("/v1/messages", {**CHAT, "model": "alpha", "max_tokens": 9}),
        ("/api/generate", {"model": "alpha:latest", "prompt": "hi", "stream": False}),
        ("/upstream/alpha@one/completion", {"prompt": "hi"}),
        ("/v1/embeddings", {"model": "nobody", "input": "hi"}),
        ("/tokenize", {"model": "gamma@two", "content": "hi"}),
    ):
        async with home.http.post(home.url + path, json=body) as reply:
            node = "two" if "gamma" in str(body) else "one"
            if "nobody" in str(body):
                assert (reply.status, "did you mean" in await reply.text()) == (404, False)
            else:
                assert (reply.status, reply.headers["x-paddock-node"]) == (200, node), path
    large = json.dumps({"model": "alpha@one", "content": "hi", "padding": "x" * (3 << 20)})
    lies_in_a_file = io.BytesIO(large.encode())
    async with home.http.post(f"{home.url}/tokenize", data=lies_in_a_file) as reply:
        assert (reply.status, reply.headers["x-paddock-node"]) == (200, "one")
    async with home.http.get(f"{home.url}/slots?model=gamma@two") as reply:
        assert (reply.status, reply.headers["x-paddock-node"]) == (200, "two")
    assert home.front is not None
    assert home.front.stable.current() in {"alpha", "beta", "gamma"}
    status, said = await home.post("/v1/chat/completions", CHAT)  # whatever was used last
    assert status == 200, said


async def _lists(home: StableYard) -> None:
    await home.until_phase("gamma", "ready")  # its event may come after its answer

    async def ids(path: str, field: str = "data", key: str = "id") -> list[str]:
        return sorted(row[key] for row in (await home.get(path))[field])

    assert await ids("/v1/models") == ["alpha", "beta", "beta:terse"]
    assert await ids("/models") == ["alpha", "beta", "beta:terse", "gamma"]
    assert await ids("/catalog", "models") == ["alpha", "beta", "beta:terse"]
    assert "beta:terse" in await ids("/api/tags", "models", "name")
    rows = {row["id"]: row for row in (await home.get("/models"))["data"]}
    assert rows["beta"]["aliases"] == ["both", "beta@one", "beta@two"]
    assert rows["alpha"]["status"]["value"] == "loaded"
    plans = [plan["profile"] for plan in (await home.get("/plans"))["plans"]]
    assert sorted(plans) in (
        ["alpha", "beta", "beta@two", "gamma"],
        ["alpha", "beta", "beta@one", "gamma"],
    )
    assert (await home.get("/v1/models/beta@two"))["id"] == "beta"
    instances = {
        load["instance"].partition("/")[0] for load in (await home.get("/history/beta"))["loads"]
    }
    assert instances == {"one", "two"}
    await home.until(lambda s: sum(i.phase == "ready" for i in s.instances) == 4)
    preview = await home.get("/preview/beta@two")
    assert preview["summary"].startswith("on two (ready on two")


async def _events(home: StableYard) -> None:
    """What a reader has reduced is what a new one begins with; who comes back hears what came since."""
    async with home.http.get(f"{home.url}/events") as stream:
        reader = _Reader(stream.content)
        view = reduce(View(), await reader.next(), 0.0)
        assert {model.id for model in view.models} == {"alpha", "beta", "gamma"}
        earlier = view.instance_of("alpha")
        await home.post("/unload", {"model": "alpha"})
        await home.post("/switch", {"model": "alpha"})
        before = view.last_seq
        while not _is_loaded_anew(view, earlier):
            view = reduce(view, await reader.next(), 0.0)
    async with home.http.get(f"{home.url}/events") as stream:
        fresh = await _Reader(stream.content).next()
    assert isinstance(fresh, Snapshot)
    assert set(view.instances) == {info.id for info in fresh.status.instances}
    assert {m.id: m.state for m in view.models} == {m.id: m.state for m in fresh.profiles}
    headers = {"Last-Event-ID": str(before)}
    async with home.http.get(f"{home.url}/events", headers=headers) as stream:
        again = await _Reader(stream.content).next()
    assert not isinstance(again, Snapshot)
    assert again.seq == before + 1


def _is_loaded_anew(view: View, earlier: InstanceInfo | None) -> bool:
    row = view.model("alpha")
    is_ready = row is not None and row.state == "ready" and not row.switching
    found = view.instance_of("alpha")
    return is_ready and found is not None and earlier is not None and found.id != earlier.id


class _Reader:
    def __init__(self, content: Any) -> None:
        self._content, self._parser, self._seen = content, SseParser(), list[AnyEvent]()

    async def next(self) -> AnyEvent:
        while not self._seen:
            for message in self._parser.feed(await self._content.readany()):
                if isinstance(message, SseMessage):
                    self._seen.append(msgspec.json.decode(message.data, type=AnyEvent))
        return self._seen.pop(0)


async def _shapes(home: StableYard) -> None:
    """Every read that says in the table what it gives gives that."""
    values = {
        "model": "beta",
        "tuning": "1",
        "run": "1",
        "before": "1",
        "job": "one/1",
        "pull": "one/1",
    }
    for route in FRONT_ROUTES:
        if route.method != "GET" or route.gives is None or route.media != "application/json":
            continue
        path = re.sub(r"\{(\w+)[^}]*\}", lambda found: values[found[1]], route.path)
        if route.path in {
            "/bench/{run}",
            "/bench/{run}/against/{before}",
            "/jobs/{job:.+}",
            "/pulls/{pull:.+?}",
            "/tunings/{tuning}",
        }:
            continue  # there is none yet; see `_steering`
        query = "?node=two" if ("GET", route.path) in ONE_NODE else ""
        if route.path == "/v1/models/{model:.+}":
            query = ""
        async with home.http.get(home.url + path + query) as reply:
            body = await reply.read()
        assert reply.status == 200, (path, body)
        with suppress(TypeError):  # unions of events
            msgspec.json.decode(body, type=route.gives)
    for path in (
        "/metrics",
        "/logs/two/gamma.1",
        "/logs/alpha",
        "/logs",
        "/",
        "/dashboard",
    ):
        async with home.http.get(home.url + path) as reply:
            assert reply.status == 200, (path, await reply.text())
    for path, code in (("/history/nobody", "model_not_found"), ("/bench/9001", "not_found")):
        async with home.http.get(home.url + path) as reply:
            error = (await reply.json())["error"]
            assert (reply.status, error["code"]) == (404, code), "as the node itself says it"
    nodes = (await home.get("/nodes"))["nodes"]
    assert [(node["name"], node["state"]) for node in nodes] == [("one", "up"), ("two", "up")]
    assert KEY not in str(nodes)


async def _steering(home: StableYard) -> None:
    status, done = await home.post("/unload", {"model": "beta"})
    assert (status, done["models"]) == (200, ["beta"])
    assert "beta" not in [i.profile for i in (await home.status()).instances]
    status, done = await home.post("/switch", {"model": "beta@two"})
    assert (status, done["outcome"], done["instance"][:9]) == (200, "ready", "two/beta.")
    assert (await home.get(f"/jobs/{done['job']}"))["instance"] == done["instance"]
    headers = {"Accept": "text/event-stream"}
    async with home.http.post(
        f"{home.url}/switch", json={"model": "beta@one"}, headers=headers
    ) as reply:
        assert reply.headers["location"].startswith("/jobs/one/")
        *_, last = (await reply.text()).strip().split("\n\n")
        assert '"instance":"one/beta.' in last
        assert '"outcome":"ready"' in last
    for more in ({}, {"Accept": "text/event-stream"}):
        wrong = {"model": "beta@one", "wait": "long"}
        async with home.http.post(f"{home.url}/switch", json=wrong, headers=more) as reply:
            assert reply.status == 400
    status, done = await home.post("/yield?node=one", {"by": "a game"})
    assert (status, done["yielded"]["by"]) == (200, "a game")
    seen = msgspec.convert(await home.get("/status"), Status)
    assert seen.yielded is not None
    assert seen.yielded.by == "a game on one"
    assert (await home.post("/resume"))[0] == 200
    assert (await home.post("/reload"))[1]["models"] == ["alpha", "beta", "gamma"]
    assert "[gamma]" in (await home.get("/config?node=two"))["text"]


async def _agents(home: StableYard) -> None:
    """The tools of a daemon, over all nodes."""
    models = (await _tool(home, "list_models"))["structuredContent"]["models"]
    assert [row["id"] for row in models] == ["alpha", "beta", "beta:terse"]  # gamma is hidden
    assert "beta@one" in models[1]["aliases"]
    status = (await _tool(home, "status"))["structuredContent"]
    assert {"one/Host", "two/Host"} <= {row["device"] for row in status["memory"]}
    switched = await _tool(home, "switch_model", model="beta@two")
    assert switched["structuredContent"]["instance"].startswith("two/beta.")
    said = (await _tool(home, "ask_model", model="gamma", prompt="hi"))["structuredContent"]
    assert (said["text"], said["finish_reason"]) == ("I am gamma.", "stop")
    assert (await _tool(home, "unload_model", model="gamma"))["structuredContent"] == {
        "unloading": ["gamma"]
    }
    for tool, given, words in (
        ("ask_model", {"model": "nobody", "prompt": "hi"}, "no node has a model"),
        ("pull_model", {"model": "owner/repo"}, "owner/repo@NODE; there are: one, two"),
    ):
        refused = await _tool(home, tool, **given)
        assert (refused["isError"], words in refused["content"][0]["text"]) == (True, True)
    for resume in (False, True):
        yielded = (await _tool(home, "yield_gpus", resume=resume))["structuredContent"]
        assert yielded["yielded"] is not resume


async def _tool(home: StableYard, tool: str, **arguments: Any) -> Any:
    params = {"name": tool, "arguments": arguments}
    message = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}
    status, said = await home.post("/mcp", message)
    assert (status, said["id"]) == (200, 7)
    return said["result"]


async def _refusals(home: StableYard) -> None:
    for method, path, status, words in (
        ("GET", "/config", 400, "?node=NAME"),
        ("GET", "/config?node=three", 404, "there are: one, two"),
        ("GET", "/jobs/7", 404, "no"),
        ("POST", "/mcp", 400, "-32700"),
        ("POST", "/requests/36864/cancel", 404, "no request"),
        ("GET", "/profiles/nobody", 404, "no node has"),
        ("GET", "/nothing", 404, "there is no GET"),
    ):
        async with home.http.request(method, home.url + path) as reply:
            text = await reply.text()
            assert (reply.status, words in text) == (status, True), (path, text)


async def test_no_key_is_good_for_more_than_at_a_daemon(tmp_path: Path, models: Path) -> None:
    """A node would let the front do anything: what each key may is the front's to judge."""
    conf = {
        "one": f"[alpha]\nmodel = {models}/alpha.gguf\n[alpha-brief]\nvariant-of = alpha\n"
        f"max-tokens = 2\n[beta]\nmodel = {models}/beta.gguf\n"
    }
    named = NamedKey(name="narrow", digest=digest_of("narrow"), models=("alpha-brief",))
    chosen: dict[str, Any] = {"api_keys": ("asks",), "management_keys": ("manages",)}
    async with stable_of(tmp_path, conf, is_keyed=True, own_keys=(named,), **chosen) as home:
        ask = {**CHAT, "model": "alpha"}
        for method, path, body, expected in (
            ("GET", "/v1/models", None, {"": 401, "wrong": 401, "asks": 200, "narrow": 200}),
            ("GET", "/status", None, {"asks": 403, "narrow": 403, "manages": 200}),
            ("GET", "/models?reload=1", None, {"asks": 403, "manages": 200}),
            ("POST", "/api/pull", {"model": "x"}, {"asks": 403}),
            ("POST", "/v1/chat/completions", ask, {"asks": 200, "narrow": 404}),
            ("POST", "/v1/chat/completions", {**ask, "model": "alpha-brief"}, {"narrow": 200}),
            ("POST", "/v1/chat/completions", {**ask, "model": "beta@one"}, {"narrow": 404}),
            ("GET", "/slots?model=alpha-brief", None, {"narrow": 404, "asks": 200}),
            ("POST", "/upstream/alpha/props", {}, {"asks": 403, "narrow": 404}),
            ("POST", "/upstream/alpha/%73lots/0?action=save", {"filename": "x"}, {"asks": 403}),
            ("POST", "/upstream/alpha-brief/completion", {"prompt": "x"}, {"narrow": 404}),
            ("POST", "/config/undo?node=one", {}, {"asks": 403}),
            ("POST", "/shutdown", {}, {"asks": 403, "narrow": 403}),
        ):
            for key, status in expected.items():
                headers = {"Authorization": f"Bearer {key}"} if key else {}
                url = URL(home.url + path, encoded=True)
                async with home.http.request(method, url, json=body, headers=headers) as reply:
                    assert reply.status == status, (path, key, await reply.text())
        headers = {"Authorization": "Bearer narrow"}
        async with home.http.get(f"{home.url}/v1/models", headers=headers) as reply:
            assert [row["id"] for row in (await reply.json())["data"]] == ["alpha-brief"]
