"""A request that insists on a node, as that node is asked: with the model's own name in its place."""

from email.message import Message
from urllib.parse import parse_qsl, quote, urlencode

import msgspec

from paddock.errors import BadRequest
from paddock.http import body, sampling, variants
from paddock.http.content import Content
from paddock.http.receiving import HeldBodies


async def renamed(bodies: HeldBodies, content: Content, media: str, model: str) -> Content:
    """The body with this model named; nothing else of it is read or written anew."""
    if body.is_form(media):
        return await _renamed_form(bodies, content, media, model)
    async with bodies.outlined(content) as view:
        fields = {name: (raw,) for name, raw in body.decoded(view, sampling.FIELDS).items()}
        name = msgspec.Raw(msgspec.json.encode(model))
        key = "model" if "model" in fields or "name" not in fields else "name"
        return await bodies.changed(content, variants.joined({**fields, key: (name,)}))


async def _renamed_form(bodies: HeldBodies, content: Content, media: str, model: str) -> Content:
    header = Message()
    header["content-type"] = media
    boundary = b"--" + str(header.get_param("boundary")).encode(errors="replace")
    async with bodies.opened(content) as view:
        at = view.find(b'name="model"')
        begin = view.find(b"\r\n\r\n", at) + 4
        end = view.find(b"\r\n" + boundary, begin)
        if min(at, begin - 4, end) < 0:
            raise BadRequest("the form names no model")
        return await bodies.changed(content, (view[:begin], model.encode(), view[end:]))


def renamed_query(query: str, model: str) -> str:
    """The query with this model named, the rest in its order."""
    pairs = parse_qsl(query, keep_blank_values=True)
    return urlencode([(k, model if k == "model" else v) for k, v in pairs], quote_via=quote)
