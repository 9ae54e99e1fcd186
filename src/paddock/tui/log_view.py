"""A log on the screen: only the rows in sight are ever drawn, so a flood costs next to nothing."""

import re
from collections import deque

from rich.text import Text
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from paddock.tui.calls import DaemonCalls
from paddock.tui.tail import Tail
from paddock.tui.transcript import HEADING, KEPT, Transcript

_LATE = 0.05  # seconds: what comes within them is taken in at once
_AT_ONCE = 2_000  # lines taken in at a time, so that a flood leaves room for keys
_WIDEST = 2_000  # columns that can be scrolled to
_ERROR = re.compile(r"\b(E|error|failed|fatal)\b")
_FOUND = "black on yellow"
_CONTROL = dict.fromkeys((*range(32), *range(127, 160)), " ")  # what a terminal would obey


class LogView(ScrollView, can_focus=True):
    """Shows the log of one name, and stays at its end while it `follows`."""

    # A bar that comes and goes would be laid out anew, and only then could be scrolled.
    DEFAULT_CSS = "LogView { overflow: scroll scroll; scrollbar-size: 1 1; }"

    class Changed(Message):
        """It follows or holds, or what it shows or has found is another."""

    class _Fresh(Message):
        pass

    def __init__(self, daemon: DaemonCalls, *, lines: int, id: str | None = None) -> None:  # noqa: A002  # Textual's word
        """`lines`: how many of the past it begins with."""
        super().__init__(id=id)
        self._daemon, self._past = daemon, lines
        self.transcript = Transcript()
        self.follows = True
        self.found: int | None = None  # the row of the match that was gone to
        self._fresh: deque[str | None] = deque(maxlen=KEPT)
        self._is_due = False
        self._tail: Tail | None = None
        self._width = 0

    # ---- what is read ----

    def read(self, name: str | None) -> None:
        """Show the log of this name (None: of everybody), from now on."""
        self.leave()
        self._tail = Tail(self._daemon, name, self, lines=self._past)
        self._tail.start()

    def leave(self) -> None:
        """Read no more; what was read stays."""
        if self._tail:
            self._tail.stop()
            self._tail = None

    @property
    def is_reading(self) -> bool:
        return self._tail is not None

    def on_unmount(self) -> None:
        self.leave()

    def hear(self, line: str | None) -> None:
        """From the tail's thread."""
        self._fresh.append(line)
        if not self._is_due:
            self._is_due = True
            self.post_message(self._Fresh())

    def on_log_view__fresh(self) -> None:
        self.set_timer(_LATE, self._take_in)

    def _take_in(self) -> None:
        self._is_due = False
        batch = [self._fresh.popleft() for _ in range(min(len(self._fresh), _AT_ONCE))]
        if None in batch:
            self.transcript.clear()
            del batch[: len(batch) - batch[::-1].index(None)]
        lines = [line.translate(_CONTROL) for line in batch if line is not None]
        gone = self.transcript.add(lines)
        if any(line.startswith(HEADING) for line in lines):
            self.post_message(self.Changed())
        self._width = max(self._width, min(max(map(len, lines), default=0), _WIDEST))
        self._measure(gone)
        if self._fresh and not self._is_due:
            self._is_due = True
            self.post_message(self._Fresh())

    def _measure(self, gone: int = 0) -> None:
        """Its size is another; what was in sight stays so, unless it follows."""
        self.virtual_size = Size(self._width, len(self.transcript.shown))
        if self.found is not None:
            self.found = max(self.found - gone, 0)
        if self.follows:  # once the scroll bars know the new size
            self.scroll_end(animate=False, x_axis=False)
        elif gone:
            self.scroll_to(y=self.scroll_offset.y - gone, animate=False, immediate=True)
        self.refresh()

    def on_resize(self) -> None:
        self._measure()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Whoever scrolls up wants to read; whoever comes to the end, to follow."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self._turn(follows=round(new_value) >= self.max_scroll_y)
            self.post_message(self.Changed())

    def _turn(self, *, follows: bool) -> None:
        if follows != self.follows:
            self.follows = follows
            self.post_message(self.Changed())

    @property
    def speaker(self) -> str:
        """The model whose line the last one in sight is; empty where no heading says so."""
        last = min(self.scroll_offset.y + self.size.height, len(self.transcript.shown))
        return self.transcript.speaker_before(len(self.transcript.shown) if self.follows else last)

    # ---- what is drawn ----

    def render_line(self, y: int) -> Strip:
        left, top = self.scroll_offset
        width, row = self.size.width, top + y
        if row >= len(self.transcript.shown):
            return Strip.blank(width, self.rich_style)
        text = self._styled(self.transcript.shown[row], is_found=row == self.found)
        strip = Strip(list(text.render(self.app.console)))
        return strip.crop_extend(left, left + width, self.rich_style).apply_style(self.rich_style)

    def _styled(self, line: str, *, is_found: bool) -> Text:
        text = Text(line, _style_of(line), no_wrap=True, end="")
        for begin, end in self.transcript.spans(line):
            text.stylize(f"bold {_FOUND}" if is_found else _FOUND, begin, end)
        return text

    # ---- what keys do ----

    def show_only(self, words: str) -> None:
        self.transcript.show_only(words)
        self.found = None
        self._measure()
        self.post_message(self.Changed())

    def seek(self, words: str) -> None:
        """Mark these words, and go to where they stand last."""
        self.transcript.seek(words)
        self.found = None
        self.go(-1)
        self.refresh()

    def go(self, step: int) -> None:
        """To the next match (-1: the one before), seen from the last one, else from what is in sight."""
        here = self.found
        if here is None:
            here = self.scroll_offset.y + (self.size.height if step < 0 else -1)
        self.found = self.transcript.next_after(here, step=step)
        if self.found is not None:
            self.scroll_to(y=self.found - self.size.height // 2, animate=False, immediate=True)
            self._turn(follows=False)
        self.refresh()
        self.post_message(self.Changed())

    def toggle(self) -> None:
        """Follow, or hold what is in sight."""
        self._turn(follows=not self.follows)
        self._measure()


def _style_of(line: str) -> str:
    if line.startswith(HEADING):
        return "bold"
    return "red" if _ERROR.search(line[:60]) else ""
