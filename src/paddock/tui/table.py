"""A table whose rows have names: shown anew without losing the place, and without flicker."""

from collections.abc import Collection, Mapping, Sequence

from rich.text import Text
from textual.widgets import DataTable

from paddock.tui.fitting import cut

Cells = Sequence[Text]


class Rows(DataTable[Text]):
    """Columns given once, rows as often as anything changes.

    Widths are set here: left to itself, the table measures them some draws later.
    """

    def __init__(
        self,
        columns: Sequence[str],
        *,
        id: str,  # noqa: A002  # Textual's word
        elastic: Sequence[tuple[str, int]] = (),
        worded: Collection[str] = (),
    ) -> None:
        """`elastic`: what to shorten where the columns are wider than the table, in this order, each down
        to so many cells; all others keep theirs. `worded`: of these, those that have figures among words."""
        super().__init__(id=id, cursor_type="row", show_row_labels=False)
        self._headings, self._elastic, self._worded = columns, elastic, worded
        self._rows_shown: dict[str, Cells] = {}
        self._widths: list[int] = []  # that the cells need
        self._fitted: list[int] = []  # that they have

    @property
    def chosen(self) -> str | None:
        """The name of the row under the cursor."""
        names = list(self._rows_shown)
        return names[self.cursor_row] if 0 <= self.cursor_row < len(names) else None

    def measure_anew(self) -> None:
        """The next rows may be narrower: the terminal's size is another."""
        self._widths = []

    def show(self, rows: Mapping[str, Cells]) -> None:
        """These rows, in this order. Only cells that differ are written, unless a column must grow."""
        is_same = bool(self._widths) and list(rows) == list(self._rows_shown)
        widths = self._measured(rows, self._widths)
        fitted = self._fit(widths)
        if is_same and fitted == self._fitted:
            self._widths = widths
            for name, cells in rows.items():
                if cells is not self._rows_shown[name]:
                    self._rewrite(name, cells)
        else:
            self._widths, self._fitted = widths, fitted
            self._rebuild(rows)
        self._rows_shown = dict(rows)

    def _measured(self, rows: Mapping[str, Cells], least: Sequence[int]) -> list[int]:
        """What each column must have; none shrinks by itself, so that rows come and go in the same columns."""
        columns = zip(self._headings, *rows.values(), strict=True)
        widths = [max(len(head), *(c.cell_len for c in cells), 0) for head, *cells in columns]
        return [max(pair) for pair in zip(widths, least or widths, strict=True)]

    def _fit(self, widths: Sequence[int]) -> list[int]:
        """Within the table: no column is pushed out of it by another."""
        fitted = list(widths)
        # With room for the scroll bar, so that its coming and going moves nothing.
        room = self.size.width - self.styles.scrollbar_size_vertical
        over = sum(fitted) + 2 * self.cell_padding * len(fitted) - room if self.size else 0
        for name, least in self._elastic:
            place = self._headings.index(name)
            spare = min(max(fitted[place] - least, 0), max(over, 0))
            fitted[place] -= spare
            over -= spare
        return fitted

    def _rewrite(self, name: str, cells: Cells) -> None:
        before = self._rows_shown[name]
        for column, width, old, new in zip(
            self._headings, self._fitted, before, cells, strict=True
        ):
            if old != new or old.spans != new.spans:
                self.update_cell(name, column, self._one_line(column, new, width))

    def _rebuild(self, rows: Mapping[str, Cells]) -> None:
        chosen, place = self.chosen, self.cursor_row
        self.clear(columns=True)
        for heading, width in zip(self._headings, self._fitted, strict=True):
            self.add_column(heading, key=heading, width=width)
        for name, cells in rows.items():
            self.add_row(*map(self._one_line, self._headings, cells, self._fitted), key=name)
        names = list(rows)
        if chosen in names:
            place = names.index(chosen)
        if names:
            self.move_cursor(row=min(place, len(names) - 1), animate=False)

    def _one_line(self, heading: str, cell: Text, width: int) -> Text:
        """Cut where its column ends; else whole words would go to a second line that nobody sees."""
        if heading in self._worded:
            cell = cut(cell, width)
        cell.no_wrap, cell.overflow = True, "ellipsis"
        return cell
