"""The dashboard: a client of the API that can be opened and closed at will. A wiring list.

News comes from the feed's thread as messages, is folded into a `View`, and drawn at most ten times a
second. What keys do is asked of the daemon in worker threads; quitting touches no model.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from rich.text import Text
from textual import work
from textual.app import App, SystemCommand
from textual.message import Message
from textual.screen import Screen

from paddock.api.connection import error_of
from paddock.api.types import ProfileInfo, VariantInfo
from paddock.errors import PaddockError
from paddock.figures.units import count
from paddock.tui import paint, reading
from paddock.tui.arrangement import families
from paddock.tui.calls import DaemonCalls
from paddock.tui.commands import SwitchCommands
from paddock.tui.confirmation import Confirmation
from paddock.tui.dashboard import Dashboard, ModelChosen
from paddock.tui.detail import Detail
from paddock.tui.downloads import Downloads
from paddock.tui.editing import command, editor, run_on_terminal
from paddock.tui.feed import NewsReader
from paddock.tui.guide import Guide
from paddock.tui.logs import Logs
from paddock.tui.picker import Picker
from paddock.tui.problems import mistakes
from paddock.tui.problems_page import problems_page
from paddock.tui.reducer import dismissed, reduce_news, ticked
from paddock.tui.state import News, View
from paddock.tui.verbs import VERBS

_MISTAKES = 5  # of a refusal that are shown
_DRAW_AFTER = 0.1  # seconds: what comes within them is drawn at once
_WANDER = 0.25  # seconds between two steps of a bar of which nobody knows how far it is


class Source(Protocol):
    """Whatever brings the news: the feed, or a test."""

    def start(self, reader: NewsReader) -> None: ...
    def stop(self) -> None: ...
    def refresh(self) -> None: ...
    def clock(self) -> float:
        """Seconds: the dashboard's clock."""


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
    COMMANDS = App.COMMANDS | {SwitchCommands}

    def __init__(
        self,
        daemon: DaemonCalls,
        source: Source,
        *,
        is_compact: bool = False,
    ) -> None:
        """`source` brings the news, from any thread, once the app is shown.

        `is_compact`: arranged as for 80 columns, however wide the terminal is.
        """
        super().__init__()
        self._daemon, self._source = daemon, source
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
            reduce_news(self.view, message.news, self._source.clock()), url=self._daemon.url
        )
        if self.view.is_stale:
            self._source.refresh()
        self._draw_soon()

    def _tick(self) -> None:
        """Ages and traces go on while nothing happens."""
        self.view = ticked(self.view, self._source.clock())
        self._draw_soon()

    def _draw_soon(self, after: float = _DRAW_AFTER) -> None:
        if not self._is_due:
            self._is_due = True
            self.set_timer(after, self._draw)

    def _draw(self) -> None:
        self._is_due = False
        self._dashboard.draw(self.view, self._source.clock())
        lines = reading.switch_lines(self.view, self._source.clock())
        if any(line.fraction is None and not line.failure for line in lines):
            self._draw_soon(_WANDER)

    # ---- what keys do ----

    def on_model_chosen(self, message: ModelChosen) -> None:
        self.action_pick(message.profile)

    @work
    async def action_pick(self, only: str = "") -> None:
        """Choose a model and switch to it; `only` is asked for by its row."""
        if only and (model := self.view.named(only)):
            models: list[ProfileInfo | VariantInfo] = [model]
        else:
            models = list(families(self.view))
        chosen = await self.push_screen_wait(Picker(models, self._daemon, self))
        if chosen:
            self.switch_to(chosen)

    def switch_to(self, model: str) -> None:
        """Make it ready; what comes of it comes as news, and a refusal is shown."""
        self._order(f"switching to {model}", partial(self._switch, model))

    def _switch(self, model: str) -> None:
        if failure := self._daemon.switch(model, wait=False).failure:
            raise error_of(failure)

    def choices(self, models: Sequence[ProfileInfo | VariantInfo], width: int) -> list[Text]:
        """The lines of the picker."""
        return paint.choices([self._row(model) for model in models], width)

    def _row(self, model: ProfileInfo | VariantInfo) -> reading.ModelRow:
        now = self._source.clock()
        if isinstance(model, ProfileInfo):
            return reading.model_row(self.view, model, now)
        [base] = [m for m in self.view.models if m.id == model.variant_of]
        return reading.variant_row(reading.model_row(self.view, base, now), model)

    @property
    def _chosen_profile(self) -> str | None:
        """The one under the cursor; of a variant the one that runs."""
        name = self._dashboard.chosen
        return self.view.profile_of(name) if name else None

    def action_unload(self) -> None:
        if model := self._chosen_profile:
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
        chosen = self._chosen_profile
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
        if model := self._chosen_profile:
            self.push_screen(Logs(self._daemon, model))

    def action_every_log(self) -> None:
        self.push_screen(Logs(self._daemon, None))

    def action_daemon_log(self) -> None:
        self.push_screen(Logs(self._daemon, "daemon"))

    def action_detail(self) -> None:
        if (model := self._chosen_profile) and (profile := self.view.model(model)):
            instance = self.view.instance_of(model)
            self.push_screen(Detail(self._daemon, profile, instance))

    def action_downloads(self) -> None:
        self.push_screen(Downloads(self._daemon))

    def action_help(self) -> None:
        self.push_screen(Guide())

    def get_system_commands(self, screen: Screen[Any]) -> Iterator[SystemCommand]:
        """Ctrl-P: what our keys do, and what Textual itself offers."""
        if screen is self._dashboard:
            for verb in VERBS:
                act = partial(self.run_action, verb.action, screen)
                yield SystemCommand(verb.title, f"{verb.shown}: {verb.help}", act)
        ours = {verb.title for verb in VERBS}
        yield from (c for c in super().get_system_commands(screen) if c.title not in ours)

    # ---- models.conf and the daemon itself ----

    def action_problems(self) -> None:
        self.push_screen(problems_page(self.view.config))

    def action_reload(self) -> None:
        self._order("reading models.conf again", self._reload)

    def action_edit(self) -> None:
        """The section under the cursor, in the user's editor; then have the daemon read it."""
        file = Path(self.view.config.path) if self.view.config else None
        if file is None or not file.is_file():
            where = file or "models.conf"
            self._complain(f"{where} is not on this machine: edit it where the daemon runs")
            return
        argv = command(editor(), file, self._line_to_edit())
        if fault := run_on_terminal(self, argv):
            self._complain(fault)
        else:
            self._order("checking models.conf", self._reload)

    def _line_to_edit(self) -> int | None:
        """Of the first mistake, where models.conf is not applied for one; else of the section under the cursor."""
        for mistake in mistakes(self.view.config):
            if mistake.line:
                return mistake.line
        found = self.view.named(self._dashboard.chosen or "")
        return found.line if found else None

    def _complain(self, words: str) -> None:
        self.notify(words, severity="error", markup=False)

    def _reload(self) -> None:
        self._daemon.reload()
        self.call_from_thread(self.notify, "models.conf has no mistakes and is applied")

    @work
    async def action_stop_daemon(self) -> None:
        served = [f"{i.profile} ({count(i.leases, 'request')})" if i.leases else i.profile
                  for i in self.view.instances.values()]  # fmt: skip
        loaded = f"Loaded: {', '.join(served)}." if served else "No model is loaded."
        answers = [("y", "stop it and end its models; requests that run are finished")]
        answers += (
            [("k", "stop it and keep them: the next daemon takes them over")] if served else []
        )
        words = f"Stop the daemon at {self._daemon.url}?\n{loaded}"
        if chosen := await self.push_screen_wait(Confirmation(words, answers)):
            stop = partial(self._daemon.shutdown, keep=chosen == "k")
            self._order("stopping the daemon", stop)

    @work(thread=True, group="orders")
    def _order(self, doing: str, order: Callable[[], object]) -> None:
        """Ask the daemon for something; what it does about it comes as news."""
        self.call_from_thread(self.notify, doing, markup=False)
        try:
            order()
        except PaddockError as error:
            words = "\n".join(filter(None, (error.message, *error.detail[:_MISTAKES], error.hint)))
            self.call_from_thread(self.notify, words, severity="error", markup=False)
