"""The log of an instance, or of what a profile's instances said one after another: follow, search, filter."""

import re
from collections import deque
from collections.abc import Iterator

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import Footer, Input, RichLog, Static
from textual.worker import get_current_worker

from paddock.errors import PaddockError
from paddock.tui.calls import Daemon

_KEPT = 20_000  # lines: more than anybody scrolls, few MB
_AT_ONCE = 400  # lines drawn at a time, so that a flood leaves room for keys
_FIRST = 2_000  # lines asked for to begin with
_ERROR = re.compile(r"\b(E|error|failed|fatal)\b")


class Logs(Screen[None]):
    """One log. `/` filters, `f` follows, `y` copies what is shown."""

    BINDINGS = [
        Binding("escape,q", "leave", "Back"),
        Binding("slash", "search", "Filter"),
        Binding("f", "follow", "Follow"),
        Binding("y", "copy", "Copy"),
        Binding("g,home", "top", "Top", show=False),
        Binding("G,end", "bottom", "Bottom", show=False),
    ]

    def __init__(self, daemon: Daemon, name: str) -> None:
        super().__init__()
        self._daemon, self._log_name = daemon, name
        self._lines: deque[str] = deque(maxlen=_KEPT)
        self._fresh: deque[str] = deque(maxlen=_KEPT)
        self._wanted = ""
        self._follows = True

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static("", id="log-title")
            yield RichLog(id="log", wrap=False, markup=False, max_lines=_KEPT, auto_scroll=False)
            yield Input(placeholder="show only lines with …", id="log-filter")
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#log-filter").display = False
        self._say_title()
        self._read()
        self.set_interval(0.1, self._draw)
        self.query_one(RichLog).focus()

    # ---- reading ----

    @work(thread=True, exclusive=True, group="log")
    def _read(self) -> None:
        """Follow it as long as the screen is open, over switches: a new instance is parted by a line."""
        worker = get_current_worker()
        try:
            for line in _lines(self._daemon.logs(self._log_name, _FIRST, follow=True)):
                if worker.is_cancelled:
                    return
                self._fresh.append(line)
        except PaddockError as error:
            self._fresh.append(f"── {error.message} ──")
        else:
            self._fresh.append(f"── the end of {self._log_name} ──")

    # ---- drawing ----

    def _draw(self) -> None:
        """What has come since, a bounded share of it at a time."""
        log = self.query_one(RichLog)
        for _ in range(min(len(self._fresh), _AT_ONCE)):
            line = self._fresh.popleft()
            self._lines.append(line)
            if self._is_wanted(line):
                log.write(_styled(line))
        if self._follows:
            log.scroll_end(animate=False)

    def _redraw(self) -> None:
        log = self.query_one(RichLog)
        log.clear()
        for line in self._lines:
            if self._is_wanted(line):
                log.write(_styled(line))
        self._say_title()

    def _is_wanted(self, line: str) -> bool:
        return self._wanted in line.lower()

    def _say_title(self) -> None:
        filtered = f", only lines with “{self._wanted}”" if self._wanted else ""
        follows = "following" if self._follows else "held"
        self.query_one("#log-title", Static).update(
            Text.assemble((f" {self._log_name}", "bold"), f"  {follows}{filtered}")
        )

    # ---- keys ----

    def action_search(self) -> None:
        field = self.query_one("#log-filter", Input)
        field.display = True
        field.focus()

    @on(Input.Changed, "#log-filter")
    def _filter(self, event: Input.Changed) -> None:
        self._wanted = event.value.lower()
        self._redraw()

    @on(Input.Submitted, "#log-filter")
    def _filtered(self) -> None:
        self.query_one("#log-filter").display = bool(self._wanted)
        self.query_one(RichLog).focus()

    def action_follow(self) -> None:
        self._follows = not self._follows
        self._say_title()

    def action_copy(self) -> None:
        """To the terminal's clipboard (OSC 52), over SSH as well."""
        shown = [line for line in self._lines if self._is_wanted(line)]
        self.app.copy_to_clipboard("\n".join(shown))
        self.notify(f"{len(shown)} lines copied")

    def action_top(self) -> None:
        self._follows = False
        self.query_one(RichLog).scroll_home(animate=False)
        self._say_title()

    def action_bottom(self) -> None:
        self._follows = True
        self._say_title()

    def action_leave(self) -> None:
        self.dismiss(None)


def _lines(pieces: Iterator[bytes]) -> Iterator[str]:
    """Whole lines of what comes in pieces."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line.decode(errors="replace")


def _styled(line: str) -> Text:
    if line.startswith("── "):
        return Text(line, "bold")
    return Text(line, "red") if _ERROR.search(line[:60]) else Text(line)
