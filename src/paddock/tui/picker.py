"""The picker: type to filter, numbers and arrows to choose, Enter to switch. Says what will happen."""

from collections.abc import Sequence
from typing import Protocol

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option
from textual.worker import get_current_worker

from paddock.api.types import ProfileInfo, VariantInfo
from paddock.errors import PaddockError
from paddock.tui.arrangement import matches
from paddock.tui.calls import DaemonCalls

_NUMBERED = 9


Model = ProfileInfo | VariantInfo


class RowPainter(Protocol):
    """Whatever knows how each model looks now: the dashboard."""

    def choices(self, models: Sequence[Model], width: int) -> list[Text]:
        """Each in one line of at most so many cells, in columns."""


class Filter(Input):
    """Leaves a first digit to the picker, unless a name begins so; later ones are part of a name."""

    def __init__(self, models: Sequence[Model]) -> None:
        super().__init__(placeholder="type to filter, or a number (Alt+number)", id="filter")
        self._beginnings = {name[:1] for m in models for name in (m.id, m.title, *m.aliases)}

    def check_consume_key(self, key: str, character: str | None) -> bool:
        is_choice = character is not None and character in "123456789" and not self.value
        if is_choice and character not in self._beginnings:
            return False
        return super().check_consume_key(key, character)


class Picker(ModalScreen[str | None]):
    """Gives the chosen profile's id, or None."""

    BINDINGS = [
        Binding("escape", "leave", "Leave"),
        Binding("down", "move(1)", "Down", show=False),
        Binding("up", "move(-1)", "Up", show=False),
        Binding("enter", "choose", "Switch", priority=True),
        *(Binding(str(n), f"number({n})", show=False, priority=True) for n in range(1, 10)),
        *(Binding(f"alt+{n}", f"number({n})", show=False, priority=True) for n in range(1, 10)),
    ]

    def __init__(self, models: Sequence[Model], daemon: DaemonCalls, painter: RowPainter) -> None:
        super().__init__()
        self._models = [m for m in models if not m.hidden]
        self._daemon, self._painter = daemon, painter
        self._shown: list[Model] = []

    def compose(self) -> ComposeResult:
        with Vertical(id="picker"):
            yield Filter(self._models)
            yield OptionList(id="choices")
            yield Static("", id="preview")

    def on_mount(self) -> None:
        self._list(self._models)
        self.query_one(Input).focus()

    # ---- filtering and choosing ----

    @on(Input.Changed)
    def _filter(self, event: Input.Changed) -> None:
        self._list([m for m in self._models if matches(m, event.value)])

    def on_resize(self) -> None:
        self.call_after_refresh(self._list_anew)

    def _list_anew(self) -> None:
        """As wide as there is room now."""
        chosen = self.query_one(OptionList).highlighted
        self._list(self._shown)
        self.query_one(OptionList).highlighted = chosen

    def _list(self, models: Sequence[Model]) -> None:
        """Ordinary models first, then those for benchmarks."""
        self._shown = sorted(models, key=lambda m: m.bench)
        choices = self.query_one(OptionList)
        choices.clear_options()
        # All of them, so that the columns stay where they are while somebody types.
        lines = self._painter.choices(self._models, choices.scrollable_content_region.width - 4)
        by_id = {model.id: line for model, line in zip(self._models, lines, strict=True)}
        for place, model in enumerate(self._shown, 1):
            number = f"{place} " if place <= _NUMBERED else "  "
            choices.add_option(
                Option(Text.assemble((number, "bold"), by_id[model.id]), id=model.id)
            )
        if self._shown:
            choices.highlighted = 0
        else:
            self._say("no model has such a name")

    def action_number(self, number: int) -> None:
        """The place in the list."""
        if number <= len(self._shown):
            self.query_one(OptionList).highlighted = number - 1

    def action_move(self, step: int) -> None:
        choices = self.query_one(OptionList)
        if self._shown:
            choices.highlighted = ((choices.highlighted or 0) + step) % len(self._shown)

    def action_choose(self) -> None:
        if (model := self._chosen()) is not None:
            self.dismiss(model.id)

    def action_leave(self) -> None:
        self.dismiss(None)

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def _chosen(self) -> Model | None:
        place = self.query_one(OptionList).highlighted
        return self._shown[place] if place is not None and place < len(self._shown) else None

    # ---- what will happen ----

    @on(OptionList.OptionHighlighted)
    def _highlighted(self) -> None:
        if model := self._chosen():
            self._say("…")
            self._ask(model.id)

    @work(thread=True, exclusive=True, group="preview")
    def _ask(self, profile: str) -> None:
        worker = get_current_worker()
        if worker.is_cancelled:
            return
        try:
            said = self._daemon.preview(profile).summary
        except PaddockError as error:
            said = error.message
        if not worker.is_cancelled:
            self.app.call_from_thread(self._say, said)

    def _say(self, words: str) -> None:
        self.query_one("#preview", Static).update(Text(words))
