"""The waterfall of a profile's last switches, painted."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from paddock.api.switches import SwitchEntry
from paddock.tui.waterfall import Kind, Waterfall, waterfalls

_CELLS = 40  # of the longest switch
_NAMES = len("first-token")
_COLOURS: dict[Kind, str] = {
    "others": "yellow",
    "load": "cyan",
    "context": "green",
    "answer": "magenta",
}


def waterfall_of(switches: Sequence[SwitchEntry]) -> RenderableType:
    """The newest first, all on one scale; nothing where there were none."""
    if not switches:
        return Text("")
    lines: list[RenderableType] = [Text("\nswitches, newest first: where their time went", "bold")]
    for found in waterfalls(switches, _CELLS):
        lines += _lines(found)
    return Group(*lines)


def _lines(found: Waterfall) -> list[RenderableType]:
    head = Text.assemble((f" {found.when[:19].replace('T', ' ')}  ", "dim"), found.summary)
    table = Table.grid(padding=(0, 1), pad_edge=True)
    table.add_column(no_wrap=True, width=_NAMES + 1)  # rich counts its padding, too
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right")
    table.add_column(no_wrap=True)
    for bar in found.bars:
        row = (Text(bar.name), Text(bar.bar.ljust(_CELLS + 1), _COLOURS[bar.kind]))
        table.add_row(*row, Text(bar.seconds), Text(bar.part, "dim"))
    rest = [Text(f"  and {found.left_out}", "dim")] if found.left_out else []
    return [head, table, *rest]
