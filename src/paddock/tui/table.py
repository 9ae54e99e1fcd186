"""A table whose rows have names: shown anew without losing the place, and without flicker."""

from collections.abc import Mapping, Sequence

from rich.text import Text
from textual.widgets import DataTable

Cells = Sequence[Text | str]


class Rows(DataTable[Text | str]):
    """Columns given once, rows as often as anything changes."""

    def __init__(self, columns: Sequence[str], *, id: str) -> None:  # noqa: A002  # Textual's word
        super().__init__(id=id, cursor_type="row", zebra_stripes=False, show_row_labels=False)
        self._columns = columns
        self._shown: dict[str, Cells] = {}

    def on_mount(self) -> None:
        for name in self._columns:
            self.add_column(name, key=name)

    @property
    def chosen(self) -> str | None:
        """The name of the row under the cursor."""
        names = list(self._shown)
        return names[self.cursor_row] if 0 <= self.cursor_row < len(names) else None

    def show(self, rows: Mapping[str, Cells]) -> None:
        """These rows, in this order. Only cells that differ are written."""
        if not self.columns:
            return  # not mounted yet
        if list(rows) != list(self._shown):
            self._rebuild(rows)
        else:
            for name, cells in rows.items():
                if list(cells) != list(self._shown[name]):
                    self._rewrite(name, cells)
        self._shown = dict(rows)

    def _rewrite(self, name: str, cells: Cells) -> None:
        for column, old, new in zip(self._columns, self._shown[name], cells, strict=True):
            if old != new:
                self.update_cell(name, column, new, update_width=True)

    def _rebuild(self, rows: Mapping[str, Cells]) -> None:
        chosen, place = self.chosen, self.cursor_row
        self.clear()
        for name, cells in rows.items():
            self.add_row(*cells, key=name)
        names = list(rows)
        if chosen in names:
            place = names.index(chosen)
        if names:
            self.move_cursor(row=min(place, len(names) - 1), animate=False)
