"""What the keys do, and what the signs mean."""

from rich.table import Table
from rich.text import Text
from textual.binding import Binding

from paddock.tui import paint, reading
from paddock.tui.leaflet import Leaflet
from paddock.tui.verbs import VERBS

_MORE = (
    ("Enter", "switch to the model under the cursor, after a look at what that will do"),
    ("Tab", "from the models to the requests and back"),
    ("Ctrl-P", "all of this as commands to type, a switch to each model, themes"),
)
_BARS = (
    ("█ ▓", "a model"),
    ("▒", "other programs"),
    ("·", "the margin that a model wants to stay free"),
    ("─", "free"),
)


class Guide(Leaflet):
    BINDINGS = [Binding("question_mark", "leave", "Back")]

    def __init__(self) -> None:
        super().__init__("Help", _page())


def _page() -> Table:
    page = Table.grid(padding=(0, 2))
    first, *rest = [(verb.shown, verb.help) for verb in VERBS]
    for key, what in (first, *_MORE, *rest):
        page.add_row(Text(key, "bold", no_wrap=True), what)
    page.add_row("", "")
    for signs in (reading.STATES.values(), reading.VERDICTS.values()):
        for found in signs:
            page.add_row(paint.mark_symbol(found), found.word)
        page.add_row("", "")
    page.add_row("▸", "answers requests that name no model")
    page.add_row(
        "↳", "a variant: another name for the model above it, with request settings of its own"
    )
    for sign, what in _BARS:
        page.add_row(sign, what)
    return page
