"""A "no" in each API: final where waiting mends nothing, with a time where it does, never both."""

import json
from typing import Any

import pytest

from paddock import errors as kinds
from paddock.errors import PaddockError
from paddock.http import errors
from paddock.http.surfaces import ANTHROPIC, LLAMA, OLLAMA, OPENAI, RESPONSES, Surface


def _family(kind: type[PaddockError]) -> list[type[PaddockError]]:
    return [kind, *(child for sub in kind.__subclasses__() for child in _family(sub))]


KINDS = _family(kinds.PaddockError)
AGENTS = (OPENAI, RESPONSES, ANTHROPIC)
PASSES = {"queue_full", "key_busy", "yielded", "restarting", "upstream_gone", "model_loading"} | {
    "instance_hangs",
    "too_many_connections",
    "no_room_for_body",
}


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
    if kind.code in PASSES - {"queue_full", "key_busy"}:
        assert chat["error"]["type"] == "server_error"
        assert anthropic["error"]["type"] == "overloaded_error"
        assert code == "server_error"
    elif ours in {400, 409, 413}:
        assert chat["error"]["type"] == "invalid_request_error"
        assert chat["error"]["message"].endswith("[invalid_request_error]"), "litellm reads no type"
        assert anthropic["error"]["type"] in {"invalid_request_error", "request_too_large"}
        assert code == "invalid_prompt"
    assert flat["error"]["message"] == "no"
    assert flat["code"] == kind.code
