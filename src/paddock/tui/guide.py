"""What the keys do, and what the signs mean."""

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from paddock.tui import paint, reading

_KEYS = (
    ("m or /", "pick a model: type to filter, (Alt+)number or arrows to choose, Enter switches"),
    ("Enter", "switch to the model under the cursor, after a look at what that will do"),
    ("u", "unload it; requests that run are finished"),
    ("c", "cancel the load under way; what had to leave for it comes back"),
    ("y", "yield all GPUs to other programs, and take them back"),
    ("x", "end the request under the cursor (Tab moves to the requests)"),
    ("l", "its log, over all its runs: / searches, n N go on, & filters, f follows, y copies"),
    ("a", "what all models write, one after another"),
    ("L", "the log of the daemon itself"),
    ("d", "its detail: plan, placement, history, facts, flags"),
    ("b", "show or fold benchmark profiles"),
    ("Backspace", "dismiss the failures that are shown"),
    ("Ctrl-P", "commands and themes"),
    ("q", "quit; no model is touched"),
)
_BARS = (
    ("█ ▓", "a model"),
    ("▒", "other programs"),
    ("·", "the margin that a model wants to stay free"),
    ("─", "free"),
)


class Guide(ModalScreen[None]):
    BINDINGS = [Binding("escape,q,question_mark", "leave", "Back")]

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="guide"):
            yield Static(_page())

    def action_leave(self) -> None:
        self.dismiss(None)


def _page() -> Table:
    page = Table.grid(padding=(0, 2))
    for key, what in _KEYS:
        page.add_row(Text(key, "bold"), what)
    page.add_row("", "")
    for signs in (reading.STATES.values(), reading.VERDICTS.values()):
        for found in signs:
            page.add_row(paint.mark_symbol(found), found.word)
        page.add_row("", "")
    for sign, what in _BARS:
        page.add_row(sign, what)
    return page
