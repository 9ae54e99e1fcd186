"""A run, or two beside each other, as one page that needs nothing else: no network, no script. Pure."""

from collections.abc import Callable, Iterable, Iterator
from html import escape

from paddock.api.bench import BenchedProfile, BenchRun, DepthFigures, Spread
from paddock.bench.plots import Line, PlottedBar, bars, over_depth
from paddock.bench.sheet import Table

_STYLE = """
:root { color-scheme: light dark; --text: #1c1c1e; --page: #fff; --soft: #6b6b70; --rule: #d9d9de;
  --c0: #2563b0; --c1: #c2570c; --c2: #2e7d4f; --c3: #9c2f6b; --c4: #6b4fb3; --c5: #8a6d00; --c6: #00798c; --c7: #a33; }
@media (prefers-color-scheme: dark) { :root { --text: #e8e8ea; --page: #17181b; --soft: #a0a0a8; --rule: #3a3b40;
  --c0: #7db3f5; --c1: #f3a064; --c2: #7fcf9c; --c3: #ec8fc0; --c4: #b9a4f2; --c5: #dcc15a; --c6: #63cfe0; --c7: #f28b8b; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page); max-width: 76rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; } .plots { display: grid; gap: 1.5rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); } figure { margin: 0; min-width: 0; }
figcaption { font-weight: 600; } svg { width: 100%; height: auto; } svg text { font: 12px system-ui, sans-serif; fill: var(--soft); }
.y { text-anchor: end; } .x { text-anchor: middle; } .grid { stroke: var(--rule); } .line { fill: none; stroke-width: 2; }
.line, .point { stroke: var(--c); } .point circle, rect { fill: var(--c); } .before { stroke-dasharray: 6 4; }
.c0 { --c: var(--c0); } .c1 { --c: var(--c1); } .c2 { --c: var(--c2); } .c3 { --c: var(--c3); } .c4 { --c: var(--c4); }
.c5 { --c: var(--c5); } .c6 { --c: var(--c6); } .c7 { --c: var(--c7); }
.legend span { margin-right: 1rem; white-space: nowrap; } .legend i { display: inline-block; width: 1.2rem; height: 0;
  border-top: 3px solid var(--c); margin-right: .4rem; vertical-align: middle; } .legend i.before { border-top-style: dashed; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--rule); white-space: nowrap; }
p.note { color: var(--soft); margin: .25rem 0; }
"""
_KINDS: tuple[tuple[str, str, Callable[[DepthFigures], Spread | None]], ...] = (
    ("Generation over depth", "t/s", lambda row: row.generation),
    ("Prompt over depth", "t/s", lambda row: row.prompt),
    ("Time to first token over depth", "s", lambda row: row.first_token),
)


def html_page(
    headline: str, tables: Iterable[Table], run: BenchRun, before: BenchRun | None = None
) -> str:
    """The whole page. `before`: an earlier run, drawn dashed beside it."""
    plots = "".join(_figures(run, before))
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>paddock bench, {escape(run.begun_at)}</title><style>{_STYLE}</style>"
        f'<h1>paddock bench</h1><p>{escape(headline)}</p><div class="plots">{plots}</div>'
        f"{''.join(map(_table, tables))}</html>\n"
    )


def _figures(run: BenchRun, before: BenchRun | None) -> Iterator[str]:
    for title, unit, figure in _KINDS:
        yield _figure(title, over_depth(list(_lines(run, before, figure)), unit))
    yield _figure("Memory by device, MiB", bars(list(_memory(run, before)), "MiB"))
    yield _figure("Load times", bars(list(_loads(run, before)), "s"))


def _figure(title: str, plot: str) -> str:
    return f"<figure><figcaption>{escape(title)}</figcaption>{plot}</figure>" if plot else ""


def _both(run: BenchRun, before: BenchRun | None) -> Iterator[tuple[BenchedProfile, str, bool]]:
    """Each profile, before and after: with its name in the plot, and whether it is of before."""
    for one in run.profiles:
        if old := before.named(one.profile) if before else None:
            yield old, f"{one.profile}, before", True
        yield one, one.profile, False


def _lines(
    run: BenchRun, before: BenchRun | None, figure: Callable[[DepthFigures], Spread | None]
) -> Iterator[Line]:
    colours = [one.profile for one in run.profiles]
    for one, name, is_before in _both(run, before):
        points = [(row.depth, found) for row in one.depths if (found := figure(row))]
        if points:
            yield Line(name, points, colours.index(one.profile), is_before)


def _memory(run: BenchRun, before: BenchRun | None) -> Iterator[PlottedBar]:
    for one, name, _ in _both(run, before):
        planned = [(row.device, float(row.planned)) for row in one.memory if row.planned]
        placed = [(row.device, float(row.placed)) for row in one.memory if row.placed]
        if planned:
            yield PlottedBar(f"{name}, planned", planned)
        if placed:
            yield PlottedBar(f"{name}, placed", placed)


def _loads(run: BenchRun, before: BenchRun | None) -> Iterator[PlottedBar]:
    for one, name, _ in _both(run, before):
        for load in one.loads:
            how = " from the disk" if load.wanted_cold else ""
            yield PlottedBar(f"{name}{how}", [("load", load.seconds)])


def _table(table: Table) -> str:
    title = f"<h2>{escape(table.title)}</h2>" if table.title else ""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.headers)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in table.rows
    )
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in table.notes)
    return f'{title}<div class="scroll"><table><tr>{head}</tr>{rows}</table></div>{notes}'
