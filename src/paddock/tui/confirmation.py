"""A question before something that cannot be undone."""

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static


class Confirmation(ModalScreen[str | None]):
    """Gives the key of the chosen answer; None: nothing shall happen."""

    BINDINGS = [Binding("escape,q,n", "choose('')", "No", show=False)]

    def __init__(self, words: str, answers: Sequence[tuple[str, str]]) -> None:
        """`answers`: a key and what it does, each."""
        super().__init__()
        self._words, self._answers = words, answers

    def compose(self) -> ComposeResult:
        with Vertical(id="question"):
            yield Static(_page(self._words, self._answers))

    def on_mount(self) -> None:
        for key, _ in self._answers:
            self._bindings.bind(key, f"choose('{key}')", show=False)

    def action_choose(self, key: str) -> None:
        self.dismiss(key or None)


def _page(words: str, answers: Sequence[tuple[str, str]]) -> Text:
    text = Text(words)
    text.append("\n")
    for key, what in (*answers, ("Esc", "leave everything as it is")):
        text.append(f"\n{key:>4}", "bold").append(f"  {what}")
    return text
