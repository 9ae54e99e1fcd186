"""All that is wrong with models.conf, as a page."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from paddock.api.types import ConfigInfo
from paddock.tui.leaflet import Leaflet
from paddock.tui.problems import ConfProblem, mistakes, warnings


def problems_page(config: ConfigInfo | None) -> Leaflet:
    """What the daemon found when it read the file last."""
    parts: list[RenderableType] = [Text(config.path if config else "", "bold")]
    if found := mistakes(config):
        parts.append(Text("\nNot applied, for these mistakes:", "bold red"))
        parts.append(_table(found))
    if found := warnings(config):
        parts.append(Text("\nApplied, with these warnings:", "yellow"))
        parts.append(_table(found))
    if len(parts) == 1:
        parts.append(Text("\nNothing is wrong with it.", "green"))
    return Leaflet("models.conf", Group(*parts))


def _table(found: tuple[ConfProblem, ...]) -> Table:
    table = Table.grid(padding=(0, 1), pad_edge=True)
    table.add_column(justify="right", style="bold", no_wrap=True)
    table.add_column()
    for problem in found:
        table.add_row(str(problem.line or ""), Text(problem.words))
    return table
