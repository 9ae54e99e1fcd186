"""A page over the screen that scrolls, and says so: help, problems."""

from rich.console import RenderableType
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

_LEAVES = "Esc: back"


class Leaflet(ModalScreen[None]):
    """Shows one text until it is left."""

    BINDINGS = [Binding("escape,q", "leave", "Back")]

    def __init__(self, title: str, what: RenderableType) -> None:
        super().__init__()
        self._page_title, self.what = title, what

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="page") as scroll:
            scroll.border_title = self._page_title
            scroll.border_subtitle = _LEAVES
            yield Static(self.what)

    def on_mount(self) -> None:
        self._scroll.focus()
        self.watch(self._scroll, "scroll_y", self._say_where, init=False)
        self.call_after_refresh(self._say_where)

    def on_resize(self) -> None:
        self.call_after_refresh(self._say_where)

    @property
    def _scroll(self) -> VerticalScroll:
        return self.query_one("#page", VerticalScroll)

    def _say_where(self) -> None:
        """Whether there is more, and which keys lead there."""
        scroll = self._scroll
        last = round(scroll.max_scroll_y)
        if not last:
            scroll.border_subtitle = _LEAVES
            return
        begin, high = round(scroll.scroll_y), scroll.scrollable_content_region.height
        lines = f"lines {begin + 1} to {begin + high} of {last + high}"
        scroll.border_subtitle = f"{lines} · ↑ ↓ PgUp PgDn scroll · {_LEAVES}"

    def action_leave(self) -> None:
        self.dismiss(None)
