"""What is offered to a client: an address, a key, and the chat models, one of them first."""

from collections.abc import Sequence
from dataclasses import dataclass

from paddock.api.models import ModelCard
from paddock.errors import ModelMissing, UnknownModel

_NO_KEY = "paddock"  # clients want one; without keys in paddock.toml it is not checked
_OUTPUT = 32_000  # tokens; more than an answer needs, and what clients ask for at most
TIMEOUT = 1800  # seconds: for clients that cannot wait for ever


@dataclass(frozen=True, slots=True)
class Offer:
    """`url` is the daemon's, without a path."""

    url: str
    key: str
    cards: tuple[ModelCard, ...]
    main: ModelCard  # for all that a client does, side jobs included
    is_chosen: bool = True  # else `main` is only what the client begins with

    @property
    def token(self) -> str:
        """What is sent as the key."""
        return self.key or _NO_KEY

    @property
    def openai_url(self) -> str:
        return f"{self.url}/v1"


def offered(
    cards: Sequence[ModelCard],
    *,
    url: str,
    key: str | None,
    wanted: str | None,
    current: str | None,
    has_picker: bool = False,
) -> Offer:
    """With the wanted model first; if none is named, with the current one, else with the only one.

    Raises UnknownModel, or ModelMissing where none is named and there are several, unless the client
    `has_picker`: then it begins with the current one or the first.
    """
    fit = tuple(
        card for card in cards if "chat" in card.abilities or "completion" in card.abilities
    )
    if not fit:
        raise ModelMissing("no profile is a chat model", hint="`paddock list` shows what there is")
    main = _main(fit, wanted, current, has_picker=has_picker)
    is_chosen = bool(wanted) or not has_picker or len(fit) == 1
    return Offer(url.rstrip("/"), key or "", fit, main, is_chosen)


def _main(
    cards: Sequence[ModelCard], wanted: str | None, current: str | None, *, has_picker: bool
) -> ModelCard:
    names = ", ".join(card.id for card in cards)
    if wanted:
        for card in cards:
            if wanted == card.id or wanted in card.aliases:
                return card
        raise UnknownModel(f"there is no model {wanted!r} to talk to", hint=f"there are: {names}")
    for card in cards:
        if card.id == current:
            return card
    if len(cards) == 1 or has_picker:
        return cards[0]
    raise ModelMissing("which model?", hint=f"name it with --model: {names}")


def output_limit(card: ModelCard) -> int:
    """Tokens that an answer may take: the profile's limit, else a part of the context."""
    return card.max_output or min(_OUTPUT, max((card.context or 4 * _OUTPUT) // 4, 256))


def title(card: ModelCard) -> str:
    return card.title or card.id
