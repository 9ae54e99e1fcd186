"""Namespace tools: what an instance gets instead, and what its client hears of a call."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.http.namespaces import Names, Wrapper, flattened

ASK: dict[str, Any] = {
    "type": "function",
    "name": "ask",
    "description": "Asks",
    "strict": False,
    "parameters": {"type": "object", "properties": {"model": {"type": "string"}}},
}
PLAIN = {"type": "function", "name": "exec", "parameters": {}}
WRAPPED = {"type": "namespace", "name": "mcp__paddock", "description": "…", "tools": [ASK]}
NAMES: Names = {"mcp__paddock__ask": ("mcp__paddock", "ask")}


def _body(*tools: Any, **more: Any) -> bytes:
    return json.dumps({"model": "m", "tools": tools, **more}).encode()


def _flat(*tools: Any, **more: Any) -> tuple[dict[str, Any], Names]:
    pieces, names = flattened(_body(*tools, **more))
    return json.loads(b"".join(pieces)), names


@pytest.mark.parametrize(
    "body",
    [
        _body(PLAIN),
        _body(PLAIN, input='tell me of the "namespace"'),
        _body({"type": "namespace", "name": "odd"}),
        _body({"type": "namespace", "name": "odd", "tools": [{"type": "custom"}]}),
        b'{"tools": "namespace", "x": {"namespace": 1}}',
    ],
)
def test_what_wraps_nothing_keeps_its_bytes(body: bytes):
    assert flattened(body) == ([], {})


def test_each_wrapped_tool_becomes_a_function_and_all_else_stays():
    sent, names = _flat(PLAIN, WRAPPED, {"type": "web_search"}, input="hi", stream=True)
    flat = ASK | {"name": "mcp__paddock__ask"}
    assert sent["tools"] == [PLAIN, flat, {"type": "web_search"}]
    assert (sent["model"], sent["input"], sent["stream"]) == ("m", "hi", True)
    assert list(sent) == ["model", "tools", "input", "stream"]
    assert names == NAMES


def test_no_two_tools_get_one_name():
    other = {"type": "function", "name": "mcp__paddock__ask"}
    twin = {
        "type": "namespace",
        "name": "mcp",
        "tools": [{"type": "function", "name": "paddock__ask"}],
    }
    sent, names = _flat(other, WRAPPED, twin)
    given = [tool["name"] for tool in sent["tools"]]
    assert given == ["mcp__paddock__ask", "mcp__paddock__ask_", "mcp__paddock__ask__"]
    assert names == {given[1]: ("mcp__paddock", "ask"), given[2]: ("mcp", "paddock__ask")}


def test_the_history_and_the_choice_name_the_same_functions():
    call = {"type": "function_call", "call_id": "1", "arguments": "{}"}
    wrapped = call | {"name": "ask", "namespace": "mcp__paddock"}
    gone = call | {"name": "look", "namespace": "mcp__gone"}
    plain = call | {"name": "exec"}
    said = {"type": "message", "role": "user", "content": "hi"}
    choice = {"type": "function", "name": "ask", "namespace": "mcp__paddock"}
    sent, _ = _flat(WRAPPED, input=[said, wrapped, gone, plain], tool_choice=choice)
    assert sent["input"] == [
        said,
        call | {"name": "mcp__paddock__ask"},
        call | {"name": "mcp__gone__look"},
        plain,
    ]
    assert sent["tool_choice"] == {"type": "function", "name": "mcp__paddock__ask"}


def test_names_that_are_none_are_left_to_llama_server_to_refuse():
    odd = {"type": "function", "name": ["x"]}
    call = {"type": "function_call", "namespace": {}, "name": []}
    sent, names = _flat(odd, WRAPPED, input=[call, {"namespace": "n"}])
    assert (sent["tools"][0], sent["input"]) == (odd, [call, {"namespace": "n"}])
    assert names == NAMES


# ---- replies ----

CALL = {"type": "function_call", "name": "mcp__paddock__ask", "arguments": "{}"}
BACK = CALL | {"name": "ask", "namespace": "mcp__paddock"}
OTHER = {"type": "function_call", "name": "exec", "arguments": "{}"}


def _event(kind: str, **data: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode()


STREAM = (
    _event("response.created", response={"output": []})
    + b": loading m 42%\n\n"
    + _event("response.output_item.added", item=CALL | {"status": "in_progress"})
    + _event("response.function_call_arguments.delta", delta='{"type":"function_call"')
    + _event("response.output_item.done", item=CALL)
    + _event("response.output_item.done", item=OTHER)
    + _event("response.completed", response={"output": [CALL, OTHER]})
)


def _events(stream: bytes) -> list[Any]:
    return [
        json.loads(line[6:]) for line in stream.decode().split("\n") if line.startswith("data: ")
    ]


def _wrapped(*pieces: bytes) -> bytes:
    wrapper = Wrapper(NAMES, streams=True)
    return b"".join([*map(wrapper.hear, pieces), wrapper.end()])


def test_calls_in_a_stream_come_back_with_their_namespace():
    sent = _events(_wrapped(STREAM))
    assert sent[1]["item"] == BACK | {"status": "in_progress"}
    assert [sent[3]["item"], sent[4]["item"]] == [BACK, OTHER]
    assert sent[5]["response"]["output"] == [BACK, OTHER]
    assert len(sent) == len(_events(STREAM))


def test_events_without_such_a_call_keep_their_bytes_behind_the_numbers_they_lacked():
    kept = [e for e in STREAM.split(b"\n\n") if b"mcp__paddock__ask" not in e]
    assert all(event.partition(b"data: {")[2] in _wrapped(STREAM) for event in kept)


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_it_does_not_matter_how_a_stream_is_cut(cuts: list[int]):
    edges = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[a:b] for a, b in itertools.pairwise(edges)]
    assert _wrapped(*pieces) == _wrapped(STREAM)


def test_a_reply_in_one_piece_is_reported_at_its_end():
    wrapper = Wrapper(NAMES, streams=False)
    document = json.dumps({"output": [CALL, OTHER]}).encode()
    assert wrapper.hear(document[:10]) + wrapper.hear(document[10:]) == b""
    assert json.loads(wrapper.end()) == {"output": [BACK, OTHER]}


@pytest.mark.parametrize("odd", [b"", b'[{"type":"function_call"}]', b'"function_call" torn {'])
def test_a_reply_that_is_none_is_left_alone(odd: bytes):
    wrapper = Wrapper(NAMES, streams=False)
    wrapper.hear(odd)
    assert wrapper.end() == odd


@pytest.mark.timeout(20)
def test_a_tool_that_is_there_a_hundred_thousand_times_is_one_name():
    """Each got a name with one more `_` than the one before: the square of their number, in time and in memory."""
    flat, names = _flat(WRAPPED | {"tools": [ASK] * 100_000})
    assert names == NAMES
    assert {tool["name"] for tool in flat["tools"]} == {"mcp__paddock__ask"}
