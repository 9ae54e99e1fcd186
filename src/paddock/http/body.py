"""What a request says about itself: its body, bounded, and the two fields that we must know.

Pure but for reading the socket. A body is never decoded as a whole; `model` and `stream` are
picked out, and whatever else it holds is llama-server's business.
"""

from dataclasses import dataclass
from email.message import Message

import msgspec
from aiohttp import web

from paddock.errors import BadRequest, BodyTooLarge
from paddock.llama.samplers import FLAG_OF

MIB = 1 << 20


class Wish(msgspec.Struct):
    """The fields of a JSON body that decide where it goes and how its reply comes back.

    One that was read from JSON has those that sample too, by name: see `sampling.py`.
    """

    model: str | None = None
    stream: bool | None = False


@dataclass(frozen=True, slots=True)
class _Form:
    """A multipart body: `multipart/form-data; boundary=…`, RFC 7578."""

    body: bytes
    boundary: bytes

    def field(self, name: str) -> str | None:
        """The text of the first part of this name."""
        marker = f'name="{name}"'.encode()
        start = self.body.find(self.boundary)
        while start >= 0:
            start += len(self.boundary)
            head_end = self.body.find(b"\r\n\r\n", start)
            end = self.body.find(b"\r\n" + self.boundary, start)
            if head_end < 0 or end < 0:
                return None
            if marker in self.body[start:head_end].replace(b"filename=", b"") and head_end < end:
                return self.body[head_end + 4 : end].decode(errors="replace").strip()
            start = end + 2
        return None


# The samplers as they stand in the body, so that one that is no number is llama-server's to refuse.
_Body = msgspec.defstruct(
    "_Body",
    [(name, msgspec.Raw, msgspec.Raw()) for name in (*FLAG_OF, "samplers")],
    bases=(Wish,),
    kw_only=True,
)
_wish: msgspec.json.Decoder[Wish] = msgspec.json.Decoder(_Body)


def check_length(request: web.Request, limit: int) -> None:
    """Refuse a body that announces itself as longer than `limit` bytes, before reading it."""
    if (request.content_length or 0) > limit:
        raise _too_large(limit)


async def read(request: web.Request, limit: int) -> bytes:
    """The whole body, in one piece; BodyTooLarge beyond `limit` bytes, announced or not."""
    check_length(request, limit)
    content = request.content
    first = await content.readany()
    if content.at_eof() and len(first) <= limit:  # nearly always: no copy
        return first
    whole = bytearray(first)
    while len(whole) <= limit:
        if not (chunk := await content.readany()):
            return bytes(whole)
        whole += chunk
    raise _too_large(limit)


def wish(body: bytes, content_type: str) -> Wish:
    """What the body asks for; BadRequest where it cannot be read."""
    if content_type.startswith("multipart/"):
        return _form_wish(body, content_type)
    try:
        return _wish.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"the request body is not usable JSON: {error}") from error


def _form_wish(body: bytes, content_type: str) -> Wish:
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str):
        raise BadRequest("the multipart body has no boundary")
    form = _Form(body, b"--" + boundary.encode())
    return Wish(model=form.field("model"), stream=form.field("stream") in {"true", "True", "1"})


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"the request body is larger than {limit // MIB} MiB",
        hint="max-body in paddock.toml sets the limit",
    )
