"""The dashboard: a client of the API that can be opened and closed at will. A wiring list.

News comes from the feed's thread as messages, is folded into a `View`, and drawn at most ten times a
second. What keys do is asked of the daemon in worker threads; quitting touches no model.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Protocol

from rich.text import Text
from textual import work
from textual.app import App
from textual.message import Message

from paddock.api.types import ProfileInfo
from paddock.errors import PaddockError
from paddock.tui import paint, reading
from paddock.tui.calls import DaemonCalls
from paddock.tui.dashboard import Dashboard, ModelChosen
from paddock.tui.detail import Detail
from paddock.tui.feed import NewsReader
from paddock.tui.guide import Guide
from paddock.tui.logs import Logs
from paddock.tui.picker import Picker
from paddock.tui.reducer import dismissed, reduce_news, ticked
from paddock.tui.state import News, View

_DRAW_AFTER = 0.1  # seconds: what comes within them is drawn at once
_WANDER = 0.25  # seconds between two steps of a bar of which nobody knows how far it is


class Source(Protocol):
    """Whatever brings the news: the feed, or a test."""

    def start(self, reader: NewsReader) -> None: ...
    def stop(self) -> None: ...
    def refresh(self) -> None: ...


class Heard(Message):
    """News from the feed's thread."""

    def __init__(self, news: News) -> None:
        super().__init__()
        self.news = news


class PaddockApp(App[None]):
    """Shows one daemon."""

    TITLE = "Paddock"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self,
        daemon: DaemonCalls,
        source: Source,
        *,
        clock: Callable[[], float] = time.monotonic,
        is_compact: bool = False,
    ) -> None:
        """`source` brings the news, from any thread, once the app is shown.

        `is_compact`: arranged as for 80 columns, however wide the terminal is.
        """
        super().__init__()
        self._daemon, self._clock = daemon, clock
        self._source = source
        self.view = View(url=daemon.url)
        self._is_due = False
        self._dashboard = Dashboard(self.view, daemon, is_compact=is_compact)

    def hear(self, news: News) -> None:
        """News of the daemon, from any thread."""
        self.post_message(Heard(news))

    def on_mount(self) -> None:
        self.push_screen(self._dashboard)
        self.set_interval(1.0, self._tick)
        self._source.start(self)

    def on_unmount(self) -> None:
        self._source.stop()

    # ---- news ----

    def on_heard(self, message: Heard) -> None:
        self.view = replace(
            reduce_news(self.view, message.news, self._clock()), url=self._daemon.url
        )
        if self.view.is_stale:
            self._source.refresh()
        self._draw_soon()

    def _tick(self) -> None:
        """Ages and traces go on while nothing happens."""
        self.view = ticked(self.view, self._clock())
        self._draw_soon()

    def _draw_soon(self, after: float = _DRAW_AFTER) -> None:
        if not self._is_due:
            self._is_due = True
            self.set_timer(after, self._draw)

    def _draw(self) -> None:
        self._is_due = False
        self._dashboard.draw(self.view, self._clock())
        lines = reading.switch_lines(self.view, self._clock())
        if any(line.fraction is None and not line.failure for line in lines):
            self._draw_soon(_WANDER)

    # ---- what keys do ----

    def on_model_chosen(self, message: ModelChosen) -> None:
        self.action_pick(message.profile)

    @work
    async def action_pick(self, only: str = "") -> None:
        """Choose a model and switch to it; `only` is asked for by its row."""
        models = [m for m in self.view.models if not only or m.id == only]
        chosen = await self.push_screen_wait(Picker(models, self._daemon, self))
        if chosen:
            self._order(f"switching to {chosen}", lambda: self._daemon.switch(chosen, wait=False))

    def choice(self, model: ProfileInfo) -> Text:
        """One profile in one line of the picker."""
        return paint.choice(reading.model_row(self.view, model, self._clock()))

    def action_unload(self) -> None:
        if model := self._dashboard.chosen:
            self._order(f"unloading {model}", lambda: self._daemon.unload(model, wait=False))

    def action_yield_gpus(self) -> None:
        """Leave the GPUs to other programs; take them back where they are yielded."""
        if self.view.yielded:
            self._order("taking the GPUs back", self._daemon.resume)
        else:
            order = partial(self._daemon.yield_gpus, by="the dashboard", wait=False)
            self._order("yielding the GPUs", order)

    def action_cancel_switch(self) -> None:
        """The load under way, or the one of the row under the cursor where there are several."""
        names = [name for name, switch in self.view.switches.items() if not switch.failure]
        chosen = self._dashboard.chosen
        name = chosen if chosen in names else names[0] if names else None
        if name:
            self._order(f"cancelling {name}", lambda: self._daemon.cancel(name))
        else:
            self.notify("nothing is loading")

    def action_end_request(self) -> None:
        if (number := self._dashboard.chosen_request) is not None:
            self._order("ending the request", lambda: self._daemon.cancel_request(number))

    def action_dismiss_failures(self) -> None:
        for name in list(self.view.switches):
            self.view = dismissed(self.view, name)
        self._draw_soon()

    def action_logs(self) -> None:
        if model := self._dashboard.chosen:
            self.push_screen(Logs(self._daemon, model))

    def action_every_log(self) -> None:
        self.push_screen(Logs(self._daemon, None))

    def action_daemon_log(self) -> None:
        self.push_screen(Logs(self._daemon, "daemon"))

    def action_detail(self) -> None:
        if (model := self._dashboard.chosen) and (profile := self.view.model(model)):
            instance = self.view.instance_of(model)
            self.push_screen(Detail(self._daemon, profile, instance))

    def action_help(self) -> None:
        self.push_screen(Guide())

    @work(thread=True, group="orders")
    def _order(self, doing: str, order: Callable[[], object]) -> None:
        """Ask the daemon for something; what it does about it comes as news."""
        self.call_from_thread(self.notify, doing, markup=False)
        try:
            order()
        except PaddockError as error:
            hint = f"\n{error.hint}" if error.hint else ""
            words = f"{error.message}{hint}"
            self.call_from_thread(self.notify, words, severity="error", markup=False)
