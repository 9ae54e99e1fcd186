"""The numbers that llama-server's Responses streams lack, without which OpenAI's library raises.

Builds 11434 and 11549 send no `sequence_number`, `output_index` and `content_index`, which the API's
reference has in every event that they belong to. They are put in front of an event's other fields, whose
bytes stay as they are; an event that has them is left alone.
"""

import msgspec

_DATA = b"data: {"
_OF_A_PART = (".content_part.", ".output_text.", ".refusal.", ".reasoning_text.")
_ONLY_PART = 0  # its messages and its reasoning have one part each


class _Item(msgspec.Struct):
    id: str = ""
    call_id: str = ""


class _Event(msgspec.Struct):
    type: str = ""
    item: _Item | None = None
    item_id: str = ""
    sequence_number: int | None = None
    output_index: int | None = None
    content_index: int | None = None

    @property
    def items(self) -> list[str]:
        """By what its item is known; empty where it is about none."""
        item = self.item or _Item()
        return [name for name in (self.item_id, item.id, item.call_id) if name]


_event = msgspec.json.Decoder(_Event)


class Numbering:
    """Of one stream."""

    def __init__(self) -> None:
        self._sent = 0
        self._begun = 0
        self._places: dict[str, int] = {}  # of items in the output

    def line(self, line: bytes) -> bytes:
        """A line of the stream, with the numbers that its event lacks."""
        if not line.startswith(_DATA):
            return line
        try:
            event = _event.decode(line[len(_DATA) - 1 :])
        except msgspec.DecodeError:
            return line
        numbers = b"".join(b'"%s":%d,' % (name, n) for name, n in self._missing(event))
        return _DATA + numbers + line[len(_DATA) :]

    def _missing(self, event: _Event) -> list[tuple[bytes, int]]:
        missing = []
        if event.sequence_number is None:
            missing.append((b"sequence_number", self._sent))
        self._sent += 1
        if event.output_index is None and (event.item or event.item_id):
            missing.append((b"output_index", self._place(event)))
        if event.content_index is None and any(word in event.type for word in _OF_A_PART):
            missing.append((b"content_index", _ONLY_PART))
        return missing

    def _place(self, event: _Event) -> int:
        """Items are numbered as they are added."""
        known = [self._places[name] for name in event.items if name in self._places]
        place = known[0] if known else self._begun
        if not known:
            self._begun += 1
        self._places |= dict.fromkeys(event.items, place)
        return place
