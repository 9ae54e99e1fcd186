"""The log of a model, or of the daemon, as a screen: over switches, to be followed, searched, filtered, copied."""

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import Footer, Input, Static

from paddock.figures.units import count
from paddock.tui.calls import DaemonCalls
from paddock.tui.log_view import LogView

_FIRST = 5_000  # lines of the past


class Logs(Screen[None]):
    """One log. `/` searches, `&` filters, as in `less`."""

    BINDINGS = [
        Binding("escape,q", "leave", "Back"),
        Binding("slash", "search", "Search"),
        Binding("n", "next(1)", "Next"),
        Binding("N", "next(-1)", "Previous", key_display="N"),
        Binding("ampersand", "filter", "Filter", key_display="&"),
        Binding("f", "follow", "Follow"),
        Binding("y", "copy", "Copy"),
        Binding("g,home", "top", "Top", show=False),
        Binding("G,end", "bottom", "Bottom", show=False),
    ]

    def __init__(self, daemon: DaemonCalls, name: str | None) -> None:
        """A name of None: what all models write."""
        super().__init__()
        self._daemon, self._log_name = daemon, name

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static("", id="log-title")
            yield LogView(self._daemon, lines=_FIRST, id="log")
            yield Input(placeholder="search for …", id="log-search")
            yield Input(placeholder="show only lines with …", id="log-filter")
        yield Footer()

    def on_mount(self) -> None:
        for field in self.query(Input):
            field.display = False
        self._view.read(self._log_name)
        self._view.focus()
        self._say_title()

    @property
    def _view(self) -> LogView:
        return self.query_one(LogView)

    @on(LogView.Changed)
    def _say_title(self) -> None:
        view, transcript = self._view, self._view.transcript
        title = Text.assemble(
            (f" {self._log_name or 'all models'}", "bold"),
            "  following" if view.follows else "  paused",
        )
        if transcript.wanted:
            title.append(f", only lines with “{transcript.wanted}”")
        if transcript.sought:
            title.append(f", {self._place()} with “{transcript.sought}”")
        self.query_one("#log-title", Static).update(title)

    def _place(self) -> str:
        rows = self._view.transcript.found()
        if self._view.found in rows:
            return f"line {rows.index(self._view.found) + 1} of {len(rows)}"
        return count(len(rows), "line") if rows else "no line"

    # ---- keys ----

    def action_search(self) -> None:
        self._open("#log-search")

    def action_filter(self) -> None:
        self._open("#log-filter")

    def _open(self, name: str) -> None:
        field = self.query_one(name, Input)
        field.display = True
        field.focus()

    @on(Input.Changed, "#log-search")
    def _seek(self, event: Input.Changed) -> None:
        self._view.seek(event.value)

    @on(Input.Changed, "#log-filter")
    def _filter(self, event: Input.Changed) -> None:
        self._view.show_only(event.value)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        self._close(event.input)

    def _close(self, field: Input) -> None:
        field.display = False
        self._view.focus()

    def action_next(self, step: int) -> None:
        if self._view.transcript.sought:
            self._view.go(step)
        else:
            self.action_search()

    def action_follow(self) -> None:
        self._view.toggle()

    def action_copy(self) -> None:
        """To the terminal's clipboard (OSC 52), over SSH as well."""
        shown = self._view.transcript.shown
        self.app.copy_to_clipboard("\n".join(shown))
        self.notify(f"{count(len(shown), 'line')} copied")

    def action_top(self) -> None:
        self._view.scroll_home(animate=False, immediate=True)

    def action_bottom(self) -> None:
        self._view.scroll_end(animate=False, immediate=True)

    def action_leave(self) -> None:
        """Out of a field: what was typed there is given up; else out of the log."""
        if isinstance(self.focused, Input):
            self.focused.value = ""
            self._close(self.focused)
        else:
            self.dismiss(None)
