"""Ctrl-P: Paddock's verbs, and a switch to each model, in Textual's command palette."""

from collections.abc import Iterator
from functools import partial
from typing import Protocol, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from paddock.api.types import ProfileInfo, VariantInfo
from paddock.tui.arrangement import families
from paddock.tui.state import View

_DISCOVERED = 20  # models that are listed before anything is typed


class Switcher(Protocol):
    """The app, as far as the palette needs it."""

    view: View

    def switch_to(self, model: str) -> None: ...


class SwitchCommands(Provider):
    """`Switch to NAME` of every model that is not hidden."""

    @property
    def _switcher(self) -> Switcher:
        return cast(Switcher, self.app)

    def _named(self) -> Iterator[ProfileInfo | VariantInfo]:
        return (model for model in families(self._switcher.view) if not model.hidden)

    async def discover(self) -> Hits:
        for model in list(self._named())[:_DISCOVERED]:
            yield DiscoveryHit(_title(model), self._order(model), help=_help(model))

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for model in self._named():
            title = _title(model)
            if (score := matcher.match(f"{title} {model.title}")) > 0:
                yield Hit(score, matcher.highlight(title), self._order(model), help=_help(model))

    def _order(self, model: ProfileInfo | VariantInfo) -> "partial[None]":
        return partial(self._switcher.switch_to, model.id)


def _title(model: ProfileInfo | VariantInfo) -> str:
    return f"Switch to {model.id}"


def _help(model: ProfileInfo | VariantInfo) -> str:
    if isinstance(model, VariantInfo):
        return f"{model.title} (variant of {model.variant_of})".strip()
    return model.title or model.description or model.state
