"""Numbers of Responses events: what is lacking is put in, what is there stays, byte for byte."""

import json
from typing import Any

import pytest

from paddock.http.numbering import Numbering


def _line(kind: str, **fields: Any) -> bytes:
    return b"data: " + json.dumps({"type": f"response.{kind}", **fields}).encode()


REASONING: dict[str, Any] = {"type": "reasoning", "id": "rs_1"}
MESSAGE: dict[str, Any] = {"type": "message", "id": "msg_1"}
CALL: dict[str, Any] = {"type": "function_call", "call_id": "call_1"}
# The events as build 11434 sends them, and the places that they must name.
STORY = (
    (_line("created", response={"id": "resp_1"}), None, None),
    (_line("output_item.added", item=REASONING), 0, None),
    (_line("reasoning_text.delta", item_id="rs_1", delta="Hm"), 0, 0),
    (_line("output_item.done", item=REASONING), 0, None),
    (_line("output_item.added", item=MESSAGE), 1, None),
    (_line("content_part.added", item_id="msg_1", part={}), 1, 0),
    (_line("output_text.delta", item_id="msg_1", delta='{"output_index":7}'), 1, 0),
    (_line("output_item.added", item=CALL | {"id": "fc_1"}), 2, None),
    (_line("function_call_arguments.delta", item_id="fc_1", delta="{"), 2, None),
    (_line("output_item.done", item=CALL), 2, None),
    (_line("output_item.done", item=MESSAGE), 1, None),
    (_line("completed", response={"output": []}), None, None),
)


def test_every_event_names_its_place_and_all_else_keeps_its_bytes():
    numbering = Numbering()
    for number, (line, item, part) in enumerate(STORY):
        numbered = numbering.line(line)
        event = json.loads(numbered[6:])
        assert event["sequence_number"] == number
        assert (event.get("output_index"), event.get("content_index")) == (item, part), line
        assert numbered.endswith(line[len(b"data: {") :])


def test_numbers_that_are_there_stay():
    whole = _line(
        "output_text.delta", item_id="m", sequence_number=9, output_index=3, content_index=1
    )
    assert Numbering().line(whole) == whole


@pytest.mark.parametrize(
    "line", [b"", b": loading", b"event: x", b"data: [DONE]", b"data: {torn", b'data: {"type":7}']
)
def test_what_is_no_event_is_left_alone(line: bytes):
    assert Numbering().line(line) == line
