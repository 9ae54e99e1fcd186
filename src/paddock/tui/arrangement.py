"""Which models are shown and in what order: filtered by words, sorted by a column. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from paddock.api.types import ProfileInfo, State, VariantInfo
from paddock.figures.units import unix
from paddock.tui.model_rows import ModelRow, model_row, variant_row
from paddock.tui.state import View

Order = Literal["file", "model", "state", "t/s", "size", "ctx", "used"]
ORDERS: tuple[Order, ...] = get_args(Order)
_WORDS: dict[Order, str] = {
    "file": "as in models.conf",
    "model": "by name",
    "state": "by state",
    "t/s": "by speed",
    "size": "by size",
    "ctx": "by context",
    "used": "by last use",
}
# Who does something comes first, in the order of what follows it.
_LIVELIEST: tuple[State, ...] = (
    "busy", "draining", "ready", "loading", "stopping", "queued", "failed", "unloaded",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What a person chose. `words`: all of them stand somewhere in a name, title or description."""

    words: str = ""
    order: Order = "file"
    is_reversed: bool = False

    @property
    def text(self) -> str:
        """`only “qwen”, by size, reversed`; empty where all is as in models.conf."""
        filtered = f"only “{self.words}”" if self.words.split() else ""
        is_sorted = self.order != "file" or self.is_reversed
        order = _WORDS[self.order] if is_sorted else ""
        turned = "reversed" if self.is_reversed else ""
        return ", ".join(filter(None, (filtered, order, turned)))

    def next_order(self) -> "Arrangement":
        place = (ORDERS.index(self.order) + 1) % len(ORDERS)
        return replace(self, order=ORDERS[place], is_reversed=False)

    def turned(self) -> "Arrangement":
        return replace(self, is_reversed=not self.is_reversed)

    def by(self, order: Order) -> "Arrangement":
        """By this column; chosen a second time, reversed."""
        return self.turned() if self.order == order else replace(self, order=order)


def matches(model: ProfileInfo | VariantInfo, words: str) -> bool:
    """Whether each of these words stands in its id, aliases, title or description."""
    if not words:
        return True
    known = " ".join([model.id, *model.aliases, model.title, model.description]).lower()
    return all(word in known for word in words.lower().split())


def model_rows(
    view: View, now: float, arrangement: Arrangement | None = None
) -> tuple[ModelRow, ...]:
    """Profiles, each followed by its variants, benchmarks last; hidden ones where they are loaded.

    A variant that is not hidden is shown also where its profile is hidden or left out by a filter.
    """
    arrangement = arrangement or Arrangement()
    variants: dict[str, list[VariantInfo]] = {}
    for variant in view.variants:
        if not variant.hidden:
            variants.setdefault(variant.variant_of, []).append(variant)
    shown = [m for m in view.models if _is_shown(m) or m.id in variants]
    if arrangement.order != "file":
        shown.sort(key=_KEYS[arrangement.order])
    if arrangement.is_reversed:
        shown.reverse()
    shown.sort(key=lambda profile: profile.bench)
    return tuple(
        row
        for profile in shown
        for row in _family(view, profile, variants.get(profile.id, []), now, arrangement.words)
    )


def families(view: View) -> Iterator[ProfileInfo | VariantInfo]:
    """Every profile, each followed by its variants, in the file's order."""
    for profile in view.models:
        yield profile
        yield from (variant for variant in view.variants if variant.variant_of == profile.id)


def _family(
    view: View, profile: ProfileInfo, variants: list[VariantInfo], now: float, words: str
) -> Iterator[ModelRow]:
    base = model_row(view, profile, now)
    if _is_shown(profile) and matches(profile, words):
        yield base
    for variant in variants:
        if matches(variant, words):
            yield variant_row(base, variant)


def _is_shown(profile: ProfileInfo) -> bool:
    return not profile.hidden or profile.state != "unloaded"


def _speed(profile: ProfileInfo) -> float:
    measured = profile.speed.generation if profile.speed else None
    return measured or profile.expected_speed or 0.0


_KEYS: dict[Order, Callable[[ProfileInfo], Any]] = {
    "model": lambda profile: profile.id.lower(),
    "state": lambda profile: _LIVELIEST.index(profile.state),
    "t/s": lambda profile: -_speed(profile),
    "size": lambda profile: -(profile.size_mib or 0),
    "ctx": lambda profile: -(profile.ctx_size or 0),
    "used": lambda profile: -((profile.last_used and unix(profile.last_used)) or 0.0),
}
