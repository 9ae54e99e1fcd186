"""From what a view reads like to styled text. Colours carry nothing that a word or symbol does not."""

from collections.abc import Iterable

from rich.text import Text

from paddock.figures.sparkline import sparkline
from paddock.tui.bars import Bar, Segment
from paddock.tui.reading import Header, Mark, ModelRow, NoticeLine, RequestRow, SwitchLine, Tone

TONES: dict[Tone, str] = {
    "plain": "",
    "good": "green",
    "busy": "cyan",
    "warn": "yellow",
    "bad": "bold red",
    "dim": "dim",
}
# Bars are read by their fill as well: instances by turns solid and dense, foreign hatched.
_FILLS = {
    "foreign": ("▒", "magenta"),
    "margin": ("·", "dim"),
    "free": ("─", "dim"),
    "unknown": ("?", "dim"),
}
_NAME, _STATE = 20, 18  # cells of 80 columns
_WIDE_STATE = 30
_INSTANCES = (("█", "green"), ("▓", "cyan"), ("█", "blue"), ("▓", "yellow"))


def mark(found: Mark | None) -> Text:
    return Text(str(found), TONES[found.tone]) if found else Text("")


def model_cells(row: ModelRow, *, is_wide: bool) -> list[Text]:
    """One row of the table of models, what matters most first; cut to 80 columns unless `is_wide`."""
    style = "bold" if row.is_current else ""
    name = Text(f"{'▸' if row.is_current else ' '} {row.id}", style)
    if row.is_pinned:
        name.append(" ⚲", "dim")
    state = mark(row.state)
    if row.note:
        state.append(f" {row.note}", "dim")
    verdict = mark(row.verdict) if is_wide or row.verdict is None else mark_symbol(row.verdict)
    if not is_wide:
        name.truncate(_NAME, overflow="ellipsis")
    # A reason takes no place from the columns behind it; the whole of it stands below.
    state.truncate(_WIDE_STATE if is_wide else _STATE, overflow="ellipsis")
    speed, size, context = (Text(t, justify="right") for t in (row.speed, row.size, row.context))
    return [name, state, speed, verdict, size, context, Text(row.last_used, "dim")]


def choice(row: ModelRow) -> Text:
    """One line of the picker."""
    facts = "  ".join(filter(None, (row.size, row.context, row.speed)))
    return Text.assemble(f"{row.id:<28.28} ", mark(row.state), (f"  {facts}", "dim"))


def request_cells(row: RequestRow) -> list[Text]:
    """One row of the table of requests."""
    cells = [Text(row.client), Text(row.surface, "dim"), Text(row.model), Text(row.phase)]
    return [*cells, *(Text(text, justify="right") for text in (row.tokens, row.speed, row.age))]


def header_line(found: Header) -> Text:
    line = Text.assemble((found.name, "bold"), "  ", mark(found.link), f"  {found.url}")
    if found.engine:
        line.append(f"  {found.engine}", "dim")
    if found.problem:
        line.append(f"\n{found.problem}", "bold red")
    return line


def switch_text(line: SwitchLine, width: int, spin: int) -> Text:
    """A switch under way in two lines, or a failed one with the last lines of its log."""
    if line.failure:
        return _failed(line)
    facts = " · ".join(
        filter(None, (line.percent, line.amount, line.rate, line.elapsed, line.left))
    )
    text = Text.assemble((line.profile, "bold"), f"  {line.stage}", (f"  {facts}\n", "dim"))
    return text.append_text(progress(line.fraction, max(width - 4, 10), spin))


def _failed(line: SwitchLine) -> Text:
    text = Text.assemble(("✗ ", "bold red"), (line.profile, "bold"), f"  {line.failure}")
    if line.hint:
        text.append(f"\n  {line.hint}", "yellow")
    for said in line.log[-3:]:
        text.append(f"\n  {said}", "dim")
    if line.restored:
        text.append(f"\n  back again: {', '.join(line.restored)}", "green")
    return text.append("\n  Backspace: dismiss", "dim")


def progress(fraction: float | None, width: int, spin: int) -> Text:
    """A bar; where nobody knows how far it is, a piece of one that wanders."""
    if fraction is None:
        piece = max(width // 6, 3)
        place = spin % (width - piece + 1)
        return Text.assemble(
            ("─" * place, "dim"), ("━" * piece, "yellow"), ("─" * (width - piece - place), "dim")
        )
    done = round(max(0.0, min(fraction, 1.0)) * width)
    return Text.assemble(("━" * done, "green"), ("─" * (width - done), "dim"))


def device_text(bar: Bar, used: Iterable[float | None], *, is_wide: bool) -> Text:
    """A device: its bar, and with room for it the legend and the last minutes."""
    text = Text.assemble((f"{bar.name:<6} ", "bold"), _cells(bar), f" {bar.free} free")
    if not is_wide:
        return text.append(f"  {bar.facts}", "dim") if bar.facts else text
    if bar.total:
        text.append(f" of {bar.total}", "dim")
    what = " · ".join(filter(None, (bar.description, bar.facts)))
    for line in filter(None, (bar.legend, what)):
        text.append(f"\n       {line}", "dim")
    return text.append(f"\n       {sparkline(list(used), within=(0.0, 1.0))}", "cyan")


def _cells(bar: Bar) -> Text:
    text = Text("▕")
    for segment in bar.segments:
        fill, style = _fill(segment)
        text.append(fill * segment.cells, style)
    return text.append("▏")


def _fill(segment: Segment) -> tuple[str, str]:
    if segment.kind == "instance":
        return _INSTANCES[segment.number % len(_INSTANCES)]
    return _FILLS[segment.kind]


def notice_text(lines: Iterable[NoticeLine]) -> Text:
    """The newest last."""
    text = Text()
    for line in lines:
        text.append_text(mark_symbol(line.mark))
        text.append(f" {line.text}")
        text.append(f"  {line.when}\n", "dim")
    text.rstrip()
    return text


def mark_symbol(found: Mark) -> Text:
    return Text(found.symbol, TONES[found.tone])
