"""A "no" in each API: final where waiting mends nothing, with a time where it does, never both."""

import json
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from paddock import errors as kinds
from paddock.api.types import Progress
from paddock.errors import PaddockError
from paddock.http import errors, refusing
from paddock.http.surfaces import ANTHROPIC, LLAMA, OLLAMA, OPENAI, RESPONSES, Surface
from tests.http.error_kinds import KINDS

AGENTS = (OPENAI, RESPONSES, ANTHROPIC)
PASSES = {"queue_full", "key_busy", "yielded", "restarting", "upstream_gone", "model_loading"} | {
    "instance_hangs",
    "too_many_connections",
    "no_room_for_body",
    "hub_unreachable",
    "node_lost",
    "nodes_away",
}
BROKEN = {"upstream_gone", "node_lost", "instance_hangs"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("surface", [*AGENTS, LLAMA, OLLAMA], ids=lambda s: s.name)
def test_it_says_when_or_not_to_ask_again(kind: type[PaddockError], surface: Surface):
    error = kind("no")
    status = surface.status(error, error.status)
    headers = errors.refusal(error, surface.shape, status).headers
    if kind.code in PASSES:
        assert int(headers["retry-after"]) > 0
        assert "x-should-retry" not in headers
        assert status == error.status
    else:
        assert headers["x-should-retry"] == "false"
        assert "retry-after" not in headers
        assert status < 500 or surface not in AGENTS


def _as_sent(surface: Surface, error: PaddockError) -> list[dict[str, Any]]:
    document = surface.shape(error, surface.status(error, error.status))
    lines = surface.event(document).decode().split("\n")
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


@pytest.mark.parametrize("kind", KINDS)
def test_inside_a_stream_a_type_says_whether_the_turn_is_over(kind: type[PaddockError]):
    error = kind("no")
    ours = error.status if error.status < 500 else 400
    [chat] = _as_sent(OPENAI, error)
    [anthropic] = _as_sent(ANTHROPIC, error)
    flat, failed = _as_sent(RESPONSES, error)
    code = failed["response"]["error"]["code"]
    assert chat["error"].get("retry_after") == anthropic["error"].get("retry_after")
    assert ("retry_after" in chat["error"]) == (kind.code in PASSES)
    if kind.code in PASSES:
        assert code == ("server_error" if kind.code in BROKEN else "rate_limit_exceeded")
    if kind.code in PASSES - {"queue_full", "key_busy"}:
        assert chat["error"]["type"] == "server_error"
        assert anthropic["error"]["type"] == "overloaded_error"
    elif ours in {400, 409, 413}:
        assert chat["error"]["type"] == "invalid_request_error"
        assert chat["error"]["message"].endswith("[invalid_request_error]"), "litellm reads no type"
        assert anthropic["error"]["type"] in {"invalid_request_error", "request_too_large"}
        assert code == "invalid_prompt"
    assert flat["error"]["message"] == "no"
    assert flat["code"] == kind.code


def _asked_by(accept: str) -> web.Request:
    return make_mocked_request("POST", "/v1/responses", headers={"Accept": accept})


@pytest.mark.parametrize("kind", KINDS)
def test_who_reads_nothing_but_events_hears_in_one_how_long_to_wait(kind: type[PaddockError]):
    """Codex: it ends its turn at 400 alone, and shows no reason of a 429 that says when."""
    error = kind("no")
    answer = refusing.refusal(error, RESPONSES, _asked_by("text/event-stream"))
    if kind.code not in PASSES:
        assert (answer.status, answer.content_type) == (400, "application/json")
        assert answer.headers["x-should-retry"] == "false"
        return
    assert (answer.status, answer.content_type) == (200, "text/event-stream")
    assert isinstance(answer.body, bytes)
    text = answer.body.decode()
    if kind.code not in BROKEN:
        assert f'"no. Please try again in {error.passes_in:.0f}s."' in text
    assert text.count("event: ") == 2
    assert answer.headers["retry-after"] == f"{error.passes_in:.0f}"


def test_who_reads_nothing_but_events_is_not_left_waiting_for_hours():
    error = kinds.GpusYielded("no")
    error.passes_in = 3600.0
    answer = refusing.refusal(error, RESPONSES, _asked_by("text/event-stream"))
    assert (answer.status, answer.content_type) == (400, "application/json")
    assert answer.headers["x-should-retry"] == "false"
    assert _as_sent(RESPONSES, error)[1]["response"]["error"]["code"] == "invalid_prompt"


@pytest.mark.parametrize("accept", ["application/json", "*/*", "text/event-stream, */*"])
def test_whoever_else_speaks_that_api_is_refused_with_a_status(accept: str):
    assert refusing.refusal(kinds.QueueFull("no"), RESPONSES, _asked_by(accept)).status == 429
    assert refusing.refusal(kinds.Unauthorized("no"), RESPONSES, _asked_by(accept)).status == 401


async def test_a_key_that_is_wrong_ends_the_turn_of_who_reads_nothing_but_events(
    open_yard, tmp_path
):
    yard = await open_yard({"a": tmp_path / "s"}, api_keys=("k",))
    for accept, status in (("text/event-stream", 400), ("*/*", 401)):
        assert (await yard.post("/v1/responses", {}, Accept=accept))[0] == status


@pytest.mark.parametrize("path", ["/v1/responses", "/switch"])
@pytest.mark.parametrize(
    ("error", "known"),
    [
        (kinds.GpusYielded("no"), {"yielded_for": 17.2}),
        (kinds.QueueFull("no"), {"eta": 17.2}),
        (kinds.QueueFull("no"), {"eta": None}),
        (kinds.Restarting("no"), {}),
    ],
)
async def test_a_refusal_says_when_it_passes_by_what_is_known(
    open_yard, tmp_path, path, error, known
):
    yard = await open_yard({"a": tmp_path / "s"})
    stall = yard.stable.stalls["a"]
    stall.refusal = error
    stall.progress = Progress(stage="loading", eta=known.get("eta"))
    yard.stable.yielded_for = known.get("yielded_for")
    async with yard.http.post(yard.base + path, json={"model": "a"}) as reply:
        assert reply.status == error.status
        when = int(reply.headers["retry-after"])
    assert when == (18 if any(known.values()) else 5)
