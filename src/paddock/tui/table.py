"""A table whose rows have names: shown anew without losing the place, and without flicker."""

from collections.abc import Mapping, Sequence

from rich.text import Text
from textual.widgets import DataTable

Cells = Sequence[Text]


class Rows(DataTable[Text]):
    """Columns given once, rows as often as anything changes.

    Widths are set here: left to itself, the table measures them some draws later.
    """

    def __init__(self, columns: Sequence[str], *, id: str) -> None:  # noqa: A002  # Textual's word
        super().__init__(id=id, cursor_type="row", show_row_labels=False)
        self._headings = columns
        self._rows_shown: dict[str, Cells] = {}
        self._widths: list[int] = []

    @property
    def chosen(self) -> str | None:
        """The name of the row under the cursor."""
        names = list(self._rows_shown)
        return names[self.cursor_row] if 0 <= self.cursor_row < len(names) else None

    def show(self, rows: Mapping[str, Cells]) -> None:
        """These rows, in this order. Only cells that differ are written, unless a column must grow."""
        is_same = bool(self._widths) and list(rows) == list(self._rows_shown)
        widths = self._measured(rows, self._widths if is_same else [])
        if is_same and widths == self._widths:
            for name, cells in rows.items():
                if cells is not self._rows_shown[name]:
                    self._rewrite(name, cells)
        else:
            self._widths = widths
            self._rebuild(rows)
        self._rows_shown = dict(rows)

    def _measured(self, rows: Mapping[str, Cells], least: Sequence[int]) -> list[int]:
        """What each column must have; none shrinks while its rows stay."""
        columns = zip(self._headings, *rows.values(), strict=True)
        widths = [max(len(head), *(c.cell_len for c in cells), 0) for head, *cells in columns]
        return [max(pair) for pair in zip(widths, least or widths, strict=True)]

    def _rewrite(self, name: str, cells: Cells) -> None:
        for column, old, new in zip(self._headings, self._rows_shown[name], cells, strict=True):
            if old != new or old.spans != new.spans:
                self.update_cell(name, column, new)

    def _rebuild(self, rows: Mapping[str, Cells]) -> None:
        chosen, place = self.chosen, self.cursor_row
        self.clear(columns=True)
        for heading, width in zip(self._headings, self._widths, strict=True):
            self.add_column(heading, key=heading, width=width)
        for name, cells in rows.items():
            self.add_row(*cells, key=name)
        names = list(rows)
        if chosen in names:
            place = names.index(chosen)
        if names:
            self.move_cursor(row=min(place, len(names) - 1), animate=False)
