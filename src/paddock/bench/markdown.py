"""A run or a comparison as Markdown. Pure."""

from collections.abc import Iterable

from paddock.bench.sheet import Table


def markdown(headline: str, tables: Iterable[Table]) -> str:
    """The whole text, with a heading for each table that has a title."""
    parts = [f"# paddock bench\n\n{_plain(headline)}\n", *map(_table, tables)]
    return "\n".join(parts)


def _table(table: Table) -> str:
    title = f"## {_plain(table.title)}\n\n" if table.title else ""
    head = [_row(table.headers), "|" + "---|" * len(table.headers)]
    rows = [*head, *map(_row, table.rows)] if table.headers else []
    notes = "".join(f"\n{_plain(note)}\n" for note in table.notes)
    return title + "\n".join(rows) + "\n" + notes


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(_plain(cell) for cell in cells) + " |"


def _plain(text: str) -> str:
    """In one line, without what Markdown would read as a cell's end or as HTML."""
    line = " ".join(text.split())
    return line.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
