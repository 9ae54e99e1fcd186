"""What ended a reply of Anthropic's Messages, whole and in pieces of any length."""

import json

import pytest

from paddock.http.stop_reasons import StopReasons


def heard(text: bytes, *, streams: bool, size: int = 7) -> bytes:
    reply = StopReasons(streams=streams)
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    return b"".join([*map(reply.hear, pieces), reply.end()])


def event(kind: str, **fields: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_stop_sequence_is_the_reason(size: int):
    whole = {"type": "message", "stop_reason": "end_turn", "stop_sequence": "we", "usage": {}}
    said = heard(json.dumps(whole).encode(), streams=False, size=size)
    assert json.loads(said) == whole | {"stop_reason": "stop_sequence"}
    before, after = event("content_block_stop", index=0), event("message_stop")
    delta = {"stop_reason": "end_turn", "stop_sequence": "we"}
    stream = before + event("message_delta", delta=delta, usage={"output_tokens": 2}) + after
    said = heard(stream, streams=True, size=size)
    assert said.startswith(before)
    assert said.endswith(after)
    ended = json.loads(said[len(before) : -len(after)].split(b"data: ")[1])
    assert ended["delta"] == {"stop_reason": "stop_sequence", "stop_sequence": "we"}
    assert ended["usage"] == {"output_tokens": 2}


@pytest.mark.parametrize("reason", ["end_turn", "max_tokens", "tool_use"])
@pytest.mark.parametrize("sequence", [None, ""])
def test_every_other_reason_keeps_its_bytes(reason: str, sequence: str | None):
    ended = {"stop_reason": reason, "stop_sequence": sequence}
    talk = event("content_block_delta", delta={"text": '"message_delta" "stop_reason": "end_turn"'})
    for text in (json.dumps(ended).encode(), b"", b"[1]", b"{", b"7"):
        assert heard(text, streams=False) == text
    for text in (talk + event("message_delta", delta=ended), b"data: {\n\n", b": loading\n\n"):
        assert heard(text, streams=True) == text
    limit = {"stop_reason": "max_tokens", "stop_sequence": "we"}
    assert heard(json.dumps(limit).encode(), streams=False) == json.dumps(limit).encode()
