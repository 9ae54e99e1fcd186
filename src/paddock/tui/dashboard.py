"""The main screen: models, switches, requests, devices, what happened."""

from collections.abc import Sequence
from dataclasses import replace

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.geometry import Size
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Input, Static

from paddock.figures.sparkline import sparkline
from paddock.tui import paint, reading
from paddock.tui.arrangement import ORDERS, Arrangement
from paddock.tui.bars import device_bars
from paddock.tui.calls import DaemonCalls
from paddock.tui.fitting import whole_parts
from paddock.tui.log_view import LogView
from paddock.tui.state import View
from paddock.tui.table import Rows
from paddock.tui.verbs import VERBS

_WIDE = 140  # columns from which on devices stand beside the models
_MODELS = ("model", "state", "t/s", "✓", "size", "ctx", "used")
_REQUESTS = ("client", "api", "model", "phase", "tokens", "t/s", "age")
_MODELS_ELASTIC = (
    ("model", 42),
    ("state", 20),
    ("model", 28),
    ("state", 14),
    ("model", 18),
    ("state", 8),
    ("model", 8),
)
_REQUESTS_ELASTIC = (("client", 14), ("model", 16), ("client", 8), ("phase", 8), ("model", 8))
_WORDED = ("state", "phase")  # columns in which figures stand among words
_ROOMY = 92  # columns from which on verdicts are words and states may be long
_LOGGED = 100, 28  # columns and lines from which on the log stands below the models
_LABEL = 22  # cells of a device's name at most
_STEPS = 4  # a second, of a bar of which nobody knows how far it is
_TITLES = {"models": "Models", "requests": "Now", "devices": "Devices", "log-panel": "Log"}
_LOG_LINES = 200  # of the past, in the panel
_BENCHES = "(bench)"  # the row into which benchmark profiles are folded

_Painted = tuple[tuple[reading.ModelRow, bool], Sequence[Text]]  # from what, and how


class ModelChosen(Message):
    """A model's row was entered or clicked."""

    def __init__(self, profile: str) -> None:
        super().__init__()
        self.profile = profile


class Dashboard(Screen[None]):
    """Draws a view; holds nothing of it but which rows are folded."""

    BINDINGS = [
        *(verb.binding for verb in VERBS),
        Binding("escape", "unfilter", "End the filter", show=False),
    ]

    def __init__(self, view: View, daemon: DaemonCalls, *, is_compact: bool = False) -> None:
        super().__init__()
        self._daemon = daemon  # for the log alone
        self._is_compact = is_compact
        self._view, self._now = view, 0.0
        self._shows_benches = False
        self._arrangement = Arrangement()
        self._drawn: dict[str, Text] = {}
        self._painted: dict[str, _Painted] = {}

    def compose(self) -> ComposeResult:
        yield Static(id="header")
        with Horizontal(id="body"):
            with Vertical(id="left"):
                yield Rows(_MODELS, id="models", elastic=_MODELS_ELASTIC, worded=_WORDED)
                yield Static(id="arrangement")
                yield Input(placeholder="show only models with …", id="row-filter")
                yield Static(id="switches")
                yield Rows(_REQUESTS, id="requests", elastic=_REQUESTS_ELASTIC, worded=_WORDED)
                yield Static(id="totals")
                yield LogView(self._daemon, lines=_LOG_LINES, id="log-panel")
            with Vertical(id="right"):
                yield Static(id="devices")
                yield Static(id="speed")
                yield Static(id="notices")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        for name, title in _TITLES.items():
            self.query_one(f"#{name}").border_title = title
        for name in ("row-filter", "arrangement"):
            self.query_one(f"#{name}").display = False
        self.query_one("#models", Rows).focus()
        self._arrange(self.size)
        self.call_after_refresh(self.draw, self._view, self._now)

    def on_resize(self, event: events.Resize) -> None:
        self._arrange(event.size)
        self._drawn.clear()
        for table in self.query(Rows):
            table.measure_anew()
        self.call_after_refresh(self.draw, self._view, self._now)

    def _arrange(self, size: Size) -> None:
        is_narrow = self._is_compact or size.width < _WIDE
        has_log = not is_narrow or (
            not self._is_compact and size.width >= _LOGGED[0] and size.height >= _LOGGED[1]
        )
        self.set_class(is_narrow, "narrow")
        self.set_class(has_log, "logged")
        log = self.query_one("#log-panel", LogView)
        if not has_log:
            log.leave()
        elif not log.is_reading:
            log.read(None)

    @on(LogView.Changed)
    def _name_the_log(self) -> None:
        """Whose lines the last ones in sight are."""
        log = self.query_one("#log-panel", LogView)
        log.border_title = f"Log of {log.speaker}" if log.speaker else _TITLES["log-panel"]

    # ---- drawing ----

    def draw(self, view: View, now: float) -> None:
        """Show what has changed since it was drawn last; `now` by the dashboard's clock."""
        self._view, self._now = view, now
        if not self.query("#notices"):
            return  # not there yet, or not any more
        self._put("header", paint.header_line(reading.header(view)))
        self._draw_models(view, now)
        self._draw_switches(view, now)
        rows = {str(row.id): paint.request_cells(row) for row in reading.request_rows(view, now)}
        self.query_one("#requests", Rows).show(rows)
        served = self.query_one("#totals").content_size.width
        totals = whole_parts(reading.totals_line(view).split(" · "), served, " · ")
        self._put("totals", Text(totals, "dim"))
        self._draw_devices(view)
        lines = reading.notice_lines(view, now, most=3 if self.has_class("narrow") else 8)
        room = self.query_one("#notices").content_size.width
        self._put("notices", paint.notice_text(lines, room))

    def _draw_models(self, view: View, now: float) -> None:
        found = reading.model_rows(view, now, self._arrangement)
        is_wide = self.query_one("#left").content_size.width >= _ROOMY
        self._painted = {row.id: self._cells(row, is_wide=is_wide) for row in found}
        shows_benches = self._shows_benches or bool(self._arrangement.words.split())
        rows = {
            row.id: self._painted[row.id][1] for row in found if not row.is_bench or shows_benches
        }
        folded = sum(row.is_bench for row in found)
        if folded and not shows_benches:
            word = f"{folded} bench (b)"
            rows[_BENCHES] = [Text(f"  {word}", "dim"), *[Text("")] * (len(_MODELS) - 1)]
        self.query_one("#models", Rows).show(rows)
        said = self._arrangement.text
        if said and not rows:
            said += ": no model has such a name"
        self.query_one("#arrangement").display = bool(said)
        self._put("arrangement", Text(said, "italic"))

    def _cells(self, row: reading.ModelRow, *, is_wide: bool) -> _Painted:
        """As painted last where the row is the same: of thousands, one changes at a time."""
        known = self._painted.get(row.id)
        if known and known[0] == (row, is_wide):
            return known
        return (row, is_wide), paint.model_cells(row, is_wide=is_wide)

    def _draw_switches(self, view: View, now: float) -> None:
        lines = reading.switch_lines(view, now)
        width = self.query_one("#left").content_size.width
        log_lines = 3 if self.has_class("logged") else 1
        texts = [
            paint.switch_text(line, width, int(now * _STEPS), log_lines=log_lines) for line in lines
        ]
        self.query_one("#switches").display = bool(texts)
        self._put("switches", Text("\n").join(texts))

    def _draw_devices(self, view: View) -> None:
        """Bars as wide as the panel lets them be, beside their names and figures."""
        panel = self.query_one("#devices")
        is_wide = not self.has_class("narrow")
        names = [len(f"{bar.name} {bar.description}") for bar in device_bars(view, 0)]
        label = min(max(names, default=0), _LABEL)
        width = _bar_width(panel.content_size.width - label, is_wide=is_wide)
        texts = [
            paint.device_text(
                bar,
                reading.trace(view, f"used:{bar.name}", max(panel.content_size.width - 3, 10)),
                is_wide=is_wide,
                label=label,
                room=panel.content_size.width,
            )
            for bar in device_bars(view, width)
        ]
        self._put("devices", Text("\n").join(texts))
        self.query_one("#speed").display = is_wide
        if is_wide:
            self._put("speed", self._speed_line(view))

    def _speed_line(self, view: View) -> Text:
        width = max(self.query_one("#speed").content_size.width - 26, 10)
        values = reading.trace(view, "generation", width)
        last = next((value for value in reversed(values) if value), None)
        said = f"{last:.0f} t/s" if last else ""
        return Text.assemble(
            ("all streams ", "bold"), (sparkline(list(values)), "green"), f" {said}"
        )

    def _put(self, name: str, text: Text) -> None:
        """Text equals text also by its styles, so nothing is drawn for what has not changed.

        Only another number of lines lays the screen out anew: they are never wrapped.
        """
        before = self._drawn.get(name)
        if before != text or before.spans != text.spans:
            self._drawn[name] = text
            is_as_high = before is not None and _height(before) == _height(text)
            self.query_one(f"#{name}", Static).update(text, layout=not is_as_high)

    # ---- keys ----

    @property
    def chosen(self) -> str | None:
        """The profile or variant under the cursor."""
        name = self.query_one("#models", Rows).chosen
        return None if name == _BENCHES else name

    @property
    def chosen_request(self) -> int | None:
        """The request under the cursor."""
        name = self.query_one("#requests", Rows).chosen
        return int(name) if name else None

    def on_data_table_row_selected(self, event: Rows.RowSelected) -> None:
        """Enter, or a click on the row under the cursor."""
        if event.data_table.id != "models":
            return
        if event.row_key.value == _BENCHES:
            self.action_benches()
        elif self.chosen:
            self.post_message(ModelChosen(self.chosen))

    def action_benches(self) -> None:
        self._shows_benches = not self._shows_benches
        self.draw(self._view, self._now)

    def action_sort(self) -> None:
        self._rearrange(self._arrangement.next_order())

    def action_turn(self) -> None:
        self._rearrange(self._arrangement.turned())

    @on(Rows.HeaderSelected, "#models")
    def _heading_clicked(self, event: Rows.HeaderSelected) -> None:
        for order in ORDERS:
            if order == event.column_key.value:
                self._rearrange(self._arrangement.by(order))

    def action_filter(self) -> None:
        field = self.query_one("#row-filter", Input)
        field.display = True
        field.focus()

    @on(Input.Changed, "#row-filter")
    def _filtered(self, event: Input.Changed) -> None:
        self._rearrange(replace(self._arrangement, words=event.value))

    @on(Input.Submitted, "#row-filter")
    def _keep_filter(self) -> None:
        self.query_one("#row-filter").display = False
        self.query_one("#models").focus()

    def action_unfilter(self) -> None:
        self.query_one("#row-filter", Input).value = ""
        self._keep_filter()

    def _rearrange(self, arrangement: Arrangement) -> None:
        self._arrangement = arrangement
        self.draw(self._view, self._now)


def _height(text: Text) -> int:
    return text.plain.count("\n")


def _bar_width(room: int, *, is_wide: bool) -> int:
    """Cells for a device's bar where so many are left beside its name: also for what is free, and in one line
    with its facts."""
    if is_wide:
        return max(room - 20, 12)
    return max(room - 45, min(room - 40, 34), 8)
