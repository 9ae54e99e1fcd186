"""From what a view reads like to styled text. Colours carry nothing that a word or symbol does not."""

from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.text import Text

from paddock.figures.sparkline import sparkline
from paddock.figures.units import count
from paddock.tui.bars import Bar, Segment
from paddock.tui.fitting import cut, name_within, names_within, whole_parts
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
_STATE, _WIDE_STATE = 18, 30  # cells
_LEAST_NAME = 12  # cells of a name in the picker and of what is loading
_MISTAKES = 3  # of models.conf that are shown at once
_INSTANCES = (("█", "green"), ("▓", "cyan"), ("█", "blue"), ("▓", "yellow"))


def mark(found: Mark | None) -> Text:
    return Text(str(found), TONES[found.tone]) if found else Text("")


def model_cells(row: ModelRow, *, is_wide: bool) -> list[Text]:
    """One row of the table of models; the table cuts what its columns have no room for."""
    state = mark(row.state)
    if row.variant_of:
        state = Text(f"↳ variant of {row.variant_of}" if is_wide else "↳ variant", "dim")
    if row.note:
        state.append(f" {row.note}", "dim")
    # A reason takes no place from the columns behind it; the whole of it stands below.
    state = cut(state, _WIDE_STATE if is_wide else _STATE)
    verdict = mark(row.verdict) if is_wide or row.verdict is None else mark_symbol(row.verdict)
    speed = (row.speed if is_wide else row.measured).removesuffix(" t/s")  # as its heading says
    used = row.last_used if is_wide else row.used_ago
    figures = (Text(t, justify="right") for t in (speed, row.size, row.context))
    cells = [_name(row), state, *figures, Text(used, "dim")]
    return [*cells[:3], verdict, *cells[3:]]


def _name(row: ModelRow) -> Text:
    """Its id, and as much of its title as there is room for."""
    sign = "▸" if row.is_current else "  ↳" if row.variant_of else " "
    name = Text(f"{sign} {row.id}", "bold" if row.is_current else "")
    if row.is_pinned:
        name.append(" ⚲", "dim")
    if row.title:
        name.append(f"  {row.title}", "dim")
    return name


def choices(rows: Sequence[ModelRow], width: int) -> list[Text]:
    """The lines of the picker, in columns: the name has what the others leave of so many cells."""
    columns = [[mark(row.state) for row in rows]]
    columns += [[Text(text, "dim") for text in texts] for texts in (
        [row.size for row in rows], [row.context for row in rows], [row.measured for row in rows],
    )]  # fmt: skip
    widths = [max((cell.cell_len for cell in column), default=0) for column in columns]
    names = [_choice_name(row) for row in rows]
    longest = max((name.cell_len for name in names), default=0)
    room = max(min(longest, width - sum(widths) - 2 * len(widths)), _LEAST_NAME)
    lines = []
    for name, state, *figures in zip(names, *columns, strict=True):
        name.truncate(room, overflow="ellipsis", pad=True)
        state.truncate(widths[0], pad=True)
        parts = [name, state]
        for cell, wide in zip(figures, widths[1:], strict=True):
            cell.pad_left(wide - cell.cell_len)
            parts.append(cell)
        lines.append(Text("  ").join(parts))
    return lines


def _choice_name(row: ModelRow) -> Text:
    name = Text(f"↳ {row.id}" if row.variant_of else row.id)
    title = f"{row.title} (variant of {row.variant_of})" if row.variant_of else row.title
    if title.strip():
        name.append(f"  {title.strip()}", "dim")
    return name


def request_cells(row: RequestRow) -> list[Text]:
    """One row of the table of requests."""
    cells = [Text(row.client), Text(row.surface, "dim"), Text(row.model), Text(row.phase)]
    speed = row.speed.removesuffix(" t/s")  # as its heading says
    return [*cells, *(Text(text, justify="right") for text in (row.tokens, speed, row.age))]


def header_line(found: Header) -> Text:
    line = Text.assemble((found.name, "bold"), "  ", mark(found.link), f"  {found.url}")
    if found.engine:
        line.append(f"  {found.engine}", "dim")
    if found.problem:
        line.append(f"\n{found.problem}", "bold red")
    if found.faults:
        more = f" and {count(len(found.faults) - 1, 'other')}" if found.faults[1:] else ""
        line.append(f"\n✗ {found.faults[0]}{more} (L: the daemon's log)", "bold red")
    if found.away:
        line.append("\n▲ " + "; ".join(found.away), "yellow")
    if found.mistakes:
        line.append("\nmodels.conf was not applied (p: all of it, e: edit)", "bold red")
        for problem in found.mistakes[:_MISTAKES]:
            line.append(f"\n  {problem.text}", "red")
    elif found.warnings:
        line.append(f"\n▲ models.conf, {count(len(found.warnings), 'warning')} (p): ", "yellow")
        line.append(found.warnings[0].text, "yellow")
    return line


def switch_text(line: SwitchLine, width: int, spin: int, *, log_lines: int = 3) -> Text:
    """A switch under way in two lines, or a failed one with the last lines of its log."""
    room = max(width - 4, 10)
    if line.failure:
        return _failed(line, room, log_lines)
    text = _under_way(line, room).append("\n")
    return text.append_text(progress(line.fraction, room, spin))


def _under_way(line: SwitchLine, room: int) -> Text:
    """In so many cells: without its size, the key, its rate, if it must be; then the names are shortened."""
    key = "c: cancel"
    ways = [
        ((line.percent, line.amount, line.rate, line.elapsed, line.left), key),
        ((line.percent, line.rate, line.elapsed, line.left), key),
        ((line.percent, line.rate, line.elapsed, line.left), ""),
        ((line.percent, line.elapsed, line.left), ""),
    ]
    name, stage, behind, over = line.profile, line.stage, "", 0
    for facts, hint in ways:
        behind = "  ".join(filter(None, (" · ".join(filter(None, facts)), hint)))
        over = cell_len(f"{name}  {stage}  {behind}") - room
        if over <= 0:
            break
    if over > 0:
        name = name_within(name, max(cell_len(name) - over, _LEAST_NAME))
        stage = name_within(stage, room - cell_len(f"{name}    {behind}"))
    return Text.assemble((name, "bold"), f"  {stage}", (f"  {behind}", "dim"))


def _failed(line: SwitchLine, room: int, log_lines: int) -> Text:
    text = Text.assemble(("✗ ", "bold red"), (line.profile, "bold"), f"  {line.failure}")
    text = cut(text, room)
    if line.hint:
        text.append(f"\n  {line.hint}", "yellow")
    said_something = [said for said in line.log if said.strip()]
    for said in said_something[-log_lines:]:
        text.append(f"\n  {said}", "dim")
    if line.restored:
        text.append(f"\n  back again: {', '.join(line.restored)}", "green")
    return text.append("\n  Backspace: dismiss, l: the whole log", "dim")


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


def device_text(
    bar: Bar, used: Iterable[float | None], *, is_wide: bool, label: int, room: int
) -> Text:
    """A device: its bar, and with room for it the legend and the last minutes. `label`: cells of its name;
    `room`: of each line."""
    name = Text.assemble((bar.name, "bold"), f" {bar.description}")
    name.truncate(label, overflow="ellipsis", pad=True)
    text = Text.assemble(name, " ", _cells(bar), f" {bar.free:>8} free")
    if not is_wide:
        brief = whole_parts(bar.brief.split(", "), room - text.cell_len - 2)
        return text.append(f"  {brief}", "dim") if brief else text
    for line in (*names_within(bar.taken, room - 2), _about(bar, room - 2)):
        text.append(f"\n  {line}", "dim")
    return text.append(f"\n  {sparkline(list(used), within=(0.0, 1.0))}", "cyan")


def _about(bar: Bar, room: int) -> str:
    """What it is and how hard it works; its name is shortened first, then its size left out."""
    facts = ", ".join(filter(None, (bar.total, bar.facts)))
    if cell_len(facts) > room:
        return whole_parts(bar.facts.split(", "), room)
    left = room - cell_len(facts) - 3
    detail = name_within(bar.detail, left) if left >= min(cell_len(bar.detail), _LEAST_NAME) else ""
    return " · ".join(filter(None, (detail, facts)))


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


def notice_text(lines: Iterable[NoticeLine], room: int) -> Text:
    """The newest last, each in so many cells."""
    text = Text()
    for line in lines:
        text.append_text(mark_symbol(line.mark))
        text.append(" ")
        text.append_text(cut(Text(line.text), room - cell_len(line.when) - 4))
        text.append(f"  {line.when}\n", "dim")
    text.rstrip()
    return text


def mark_symbol(found: Mark) -> Text:
    return Text(found.symbol, TONES[found.tone])
