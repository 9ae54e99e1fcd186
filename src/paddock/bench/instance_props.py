"""What an instance says of itself, and of text: its slots, their context, and tokens."""

from dataclasses import dataclass
from urllib.parse import urlencode

import msgspec

from paddock.api.client import Client


class _Settings(msgspec.Struct):
    n_ctx: int = 0


class _Props(msgspec.Struct):
    total_slots: int = 1
    default_generation_settings: _Settings = msgspec.field(default_factory=_Settings)


class _Tokens(msgspec.Struct):
    tokens: list[int]


@dataclass(frozen=True, slots=True)
class InstanceProps:
    """Slots, and the tokens that one request may have."""

    slots: int
    context: int

    @property
    def context_of_each(self) -> int:
        """Tokens that each of as many requests as slots may have: they may share one pool."""
        return self.context // max(self.slots, 1)


def props_of(client: Client, model: str) -> InstanceProps:
    """Of the instance that answers to this name."""
    with client.connection.exchange("GET", f"/props?{urlencode({'model': model})}") as reply:
        found = msgspec.json.decode(reply.read(), type=_Props)
    return InstanceProps(found.total_slots, found.default_generation_settings.n_ctx)


def tokens_of(client: Client, model: str, text: str) -> list[int]:
    """The text as this model's tokens."""
    body = {"model": model, "content": text, "add_special": False}
    with client.connection.exchange("POST", "/tokenize", body) as reply:
        return msgspec.json.decode(reply.read(), type=_Tokens).tokens
