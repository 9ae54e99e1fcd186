"""Models that the daemon fetches from a hub: how far each is, paused, gone on with, cancelled."""

from collections.abc import Callable, Sequence
from functools import partial

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Footer, Static

from paddock.api.pulls import PullInfo, PullState
from paddock.errors import PaddockError
from paddock.figures.units import mib, percent, seconds
from paddock.tui.calls import DaemonCalls
from paddock.tui.table import Rows

_COLUMNS = ("model", "state", "here", "of", "a second", "left")
_ELASTIC = (("model", 24), ("model", 8))
_LOOK_EVERY = 1.0  # seconds: as often as the daemon itself says how far one is
_STYLES: dict[PullState, str] = {
    "running": "blue",
    "paused": "yellow",
    "done": "green",
    "failed": "red",
    "cancelled": "dim",
}
_MIB = 1 << 20
_NONE = "No downloads since the daemon began. `paddock pull OWNER/REPO` begins one, `/dashboard/pulls` in a browser has one begun here."


class Downloads(Screen[None]):
    """Asks the daemon once a second while it is open, the newest download first."""

    BINDINGS = [
        Binding("space", "turn", "Pause, go on"),
        Binding("c", "cancel", "Cancel"),
        Binding("escape,q,D", "leave", "Back"),
    ]

    def __init__(self, daemon: DaemonCalls) -> None:
        super().__init__()
        self._daemon = daemon
        self._pulls: dict[str, PullInfo] = {}  # by id, the newest first

    def compose(self) -> ComposeResult:
        table = Rows(_COLUMNS, id="downloads", elastic=_ELASTIC, worded=("state",))
        table.border_title = "Downloads"
        yield table
        yield Static("", id="download")
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#downloads").focus()
        self.set_interval(_LOOK_EVERY, self._look)
        self._look()

    def on_data_table_row_highlighted(self) -> None:
        self._describe()

    # ---- what is asked of the daemon ----

    @work(thread=True, exclusive=True, group="downloads")
    def _look(self) -> None:
        self._asked(self._daemon.pulls)

    @work(thread=True, group="orders")
    def _steer(self, order: Callable[[], object]) -> None:
        if self._asked(order):
            self._asked(self._daemon.pulls)

    def _asked(self, call: Callable[[], object]) -> bool:
        """Whether it was answered; a list of downloads is shown, a refusal said."""
        try:
            found = call()
        except PaddockError as error:
            words = " ".join(filter(None, (error.message, error.hint)))
            self.app.call_from_thread(self._say, Text(words, "red"))
            return False
        if isinstance(found, list):
            self.app.call_from_thread(self._show, found)
        return True

    # ---- what is shown ----

    def _show(self, pulls: Sequence[PullInfo]) -> None:
        if not self.is_mounted:
            return
        self._pulls = {pull.id: pull for pull in reversed(pulls)}
        rows = {pull.id: _cells(pull) for pull in self._pulls.values()}
        self.query_one("#downloads", Rows).show(rows)
        self._describe()

    def _describe(self) -> None:
        """What the one under the cursor waits for, or why it failed, or what became of it."""
        chosen = self._chosen
        self._say(Text(_NONE, "dim") if not self._pulls else _about(chosen) if chosen else Text(""))

    def _say(self, words: Text) -> None:
        if self.is_mounted:
            self.query_one("#download", Static).update(words)

    # ---- keys ----

    @property
    def _chosen(self) -> PullInfo | None:
        return self._pulls.get(self.query_one("#downloads", Rows).chosen or "")

    def action_turn(self) -> None:
        """Pause what runs; go on with what is paused."""
        if (chosen := self._chosen) and not chosen.is_over:
            verb = partial(self._daemon.steer_pull, chosen.id)
            self._steer(partial(verb, "pause" if chosen.state == "running" else "resume"))

    def action_cancel(self) -> None:
        if (chosen := self._chosen) and not chosen.is_over:
            self._steer(partial(self._daemon.steer_pull, chosen.id, "cancel"))

    def action_leave(self) -> None:
        self.dismiss(None)


def _cells(pull: PullInfo) -> list[Text]:
    share = percent(pull.done / pull.size) if pull.size else ""
    state = f"{pull.state} {share}" if share and not pull.is_over else pull.state
    return [
        Text(pull.model),
        Text(state, _STYLES[pull.state]),
        Text(mib(pull.done / _MIB) if pull.size else "", justify="right"),
        Text(mib(pull.size / _MIB) if pull.size else "", justify="right"),
        Text(mib(pull.rate / _MIB) if pull.rate else "", justify="right"),
        Text(seconds(pull.eta) if pull.eta is not None else "", justify="right"),
    ]


def _about(pull: PullInfo) -> Text:
    if pull.failure:
        return Text(" ".join(filter(None, (pull.failure.message, pull.failure.hint))), "red")
    words = [pull.note, f"quantisation {pull.quantisation}" if pull.quantisation else ""]
    words.append(f"as [{pull.profile}]" if pull.profile else "")
    words += [f"{file.path}: {file.stage}" for file in pull.files if not pull.is_over]
    return Text(", ".join(filter(None, words)))
