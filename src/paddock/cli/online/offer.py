"""What a daemon offers to a client program: its models, and the one to talk to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paddock.api.client import Client
from paddock.errors import PaddockError

if TYPE_CHECKING:
    from paddock.clients.offer import Offer


def offer_of(url: str, key: str | None, model: str | None, *, has_picker: bool = False) -> Offer:
    """What the daemon has to offer. Raises DaemonUnreachable, UnknownModel, ModelMissing (unless
    the client `has_picker`)."""
    from paddock.clients.offer import offered

    daemon = Client(url, key)
    cards = daemon.cards()
    current = None if model else _current(daemon)
    return offered(cards, url=url, key=key, wanted=model, current=current, has_picker=has_picker)


def _current(daemon: Client) -> str | None:
    try:
        return daemon.status().current
    except PaddockError:  # a key for inference only may not ask
        return None
