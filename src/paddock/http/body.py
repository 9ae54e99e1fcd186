"""What a request's body says: the two fields that we must know, or an order to Paddock itself. Pure.

What is meant for a model is never decoded as a whole; `model` and `stream` are picked out, and
whatever else it holds is llama-server's business.
"""

from dataclasses import dataclass
from email.message import Message
from typing import TypeVar

import msgspec

from paddock.errors import BadRequest
from paddock.http.content import Buffer
from paddock.llama.samplers import FLAG_OF

T = TypeVar("T")

_BOM = b"\xef\xbb\xbf"  # llama-server skips it, too
_SHORT = 1 << 10  # bytes; no number that samples is longer
_SCHEMA = 1 << 16  # bytes; of a field with a schema in it that are kept
_LONGEST_NAME = 1 << 10  # letters of a model's name
_PARTS, _PART_HEAD = 1000, 1 << 13  # of a form: parts that are looked at, bytes of the head of one


class Wish(msgspec.Struct):
    """The fields of a JSON body that decide where it goes and how its reply comes back.

    One that was read from JSON has those that sample too, by name: see `sampling.py`.
    """

    model: str | None = None
    stream: bool | None = False


@dataclass(frozen=True, slots=True)
class _Form:
    """A multipart body: `multipart/form-data; boundary=…`, RFC 7578."""

    body: Buffer
    boundary: bytes

    def field(self, name: str) -> str | None:
        """The text of the first part of this name, among the first thousand.

        Each byte is looked at a few times only: whatever is searched for, it is within one part.
        """
        marker = f'name="{name}"'.encode()
        start = self.body.find(self.boundary)
        for _ in range(_PARTS):
            if start < 0:
                break
            start += len(self.boundary)
            end = self.body.find(b"\r\n" + self.boundary, start)
            if end < 0:
                break
            head_end = self.body.find(b"\r\n\r\n", start, min(end, start + _PART_HEAD))
            if marker in self.body[start : max(start, head_end)].replace(b"filename=", b""):
                return self.body[head_end + 4 : end].decode(errors="replace").strip()
            start = end + 2
        return None


# The samplers as they stand in the body, so that one that is no number is llama-server's to refuse;
# and the fields that llama-server may read or answer otherwise than they are meant (`mending.py`, `many_prompts.py`).
_UNSAID = msgspec.Raw()
_SAMPLERS = (*FLAG_OF, "samplers")
_PICKED = (
    *("stop", "stop_sequences", "tool_choice", "thinking", "text"),
    *("output_config", "output_format", "prompt"),
)
_Body = msgspec.defstruct(
    "_Body",
    [(name, msgspec.Raw, _UNSAID) for name in (*_SAMPLERS, *_PICKED)],
    bases=(Wish,),
    kw_only=True,
)
_OWN = len(Wish.__struct_fields__)
_END = _OWN + len(_SAMPLERS)
_NOTHING_SAID = (_UNSAID,) * len(_SAMPLERS)
_NOTHING_PICKED = (_UNSAID,) * len(_PICKED)
_wish: msgspec.json.Decoder[Wish] = msgspec.json.Decoder(_Body)
_NO_NUMBER = msgspec.Raw(b"[]")


def samplers_in(wish: Wish) -> list[tuple[str, msgspec.Raw]]:
    """What the body says of sampling, by name. On the hot path: one look at all that it could say."""
    said = msgspec.structs.astuple(wish)[_OWN:_END]
    if said == _NOTHING_SAID:  # nearly always, and found by identity
        return []
    return [(name, raw) for name, raw in zip(_SAMPLERS, said, strict=False) if raw is not _UNSAID]


def picked(wish: Wish) -> dict[str, msgspec.Raw]:
    """Those fields that llama-server may read otherwise than they are meant. On the hot path as well."""
    said = msgspec.structs.astuple(wish)[_END:]
    if said == _NOTHING_PICKED:
        return {}
    return {name: raw for name, raw in zip(_PICKED, said, strict=False) if raw is not _UNSAID}


def wish(body: Buffer, content_type: str) -> Wish:
    """What the body asks for; BadRequest where it cannot be read."""
    found = _form_wish(body, content_type) if is_form(content_type) else decoded(body, _wish)
    if found.model and len(found.model) > _LONGEST_NAME:
        raise BadRequest(f"no model has a name of more than {_LONGEST_NAME} letters")
    return found


def is_form(content_type: str) -> bool:
    """Whether such a body is parts with a boundary between them, else JSON."""
    return content_type.startswith("multipart/")


def owned(found: Wish) -> Wish:
    """The same, without a hold on the bytes that it was read from."""
    for name, raw in samplers_in(found):
        setattr(found, name, raw.copy() if len(raw) <= _SHORT else _NO_NUMBER)
    for name, raw in picked(found).items():
        setattr(found, name, raw.copy() if len(raw) <= _SCHEMA else _NO_NUMBER)
    return found


def decoded(body: Buffer, decoder: msgspec.json.Decoder[T]) -> T:
    """A JSON body; BadRequest where it is none, or not of the kind that is wanted."""
    try:
        return parsed(body, decoder)
    except BadRequest:
        if body[: len(_BOM)] != _BOM:
            raise
    return parsed(body[len(_BOM) :], decoder)


def parsed(text: Buffer | msgspec.Raw, decoder: msgspec.json.Decoder[T]) -> T:
    """A JSON document, or a part of one.

    BadRequest in every way in which it can be unusable: broken, of other types, nested too deeply,
    with numbers of thousands of digits, in another encoding than UTF-8.
    """
    try:
        return decoder.decode(text)
    except RecursionError as error:
        raise BadRequest("the request body is not usable JSON: it is nested too deeply") from error
    except (msgspec.DecodeError, UnicodeError) as error:
        raise BadRequest(f"the request body is not usable JSON: {error}") from error


def _form_wish(body: Buffer, content_type: str) -> Wish:
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str):
        raise BadRequest("the multipart body has no boundary")
    form = _Form(body, b"--" + boundary.encode(errors="replace"))
    return Wish(model=form.field("model"), stream=form.field("stream") in {"true", "True", "1"})
