"""What a run, or a comparison of two, says: tables of plain text that every form of output shows. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from paddock.api.bench import BenchedProfile, BenchRun, DepthFigures, Spread, StreamFigures
from paddock.bench.comparison import BenchChange, Comparison
from paddock.figures.units import mib, percent, seconds, tokens

_MARKS = {"better": "▲ better", "worse": "▼ worse", "same": "", "unproven": "too few samples"}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headers; a column that is empty in every row can be left out."""

    title: str
    headers: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    notes: tuple[str, ...] = ()

    def without_empty_columns(self) -> "Table":
        kept = [i for i in range(len(self.headers)) if any(row[i] for row in self.rows)]
        return Table(
            self.title,
            tuple(self.headers[i] for i in kept),
            [tuple(row[i] for i in kept) for row in self.rows],
            self.notes,
        )


def tables(run: BenchRun) -> list[Table]:
    """One line for each profile, then each profile in full."""
    details = [table for one in run.profiles for table in _details(one)]
    return [_overview(run), *details]


def headline(run: BenchRun) -> str:
    """Number, time, and what it cost beside what it measured."""
    number = f"run {run.id}" if run.id else "a run that could not be kept"
    waited = (
        f", {seconds(run.waited_seconds)} of it waiting for other traffic"
        if run.waited_seconds >= 1
        else ""
    )
    return (
        f"{number}, {run.begun_at}, {run.outcome}: {seconds(run.seconds)}"
        f" ({seconds(run.busy_seconds)} of loads and requests{waited});"
        f" {run.repeat} samples each, {run.answer} tokens generated; median (lowest to highest)"
    )


_OVERVIEW = (
    "PROFILE", "LOAD", "FIRST TOKEN", "PROMPT", "GENERATION", "AT DEPTH", "AT MOST TOGETHER",
    "MEMORY", "LAYERS", "SPLITS", "EXIT", "SCORE", "WHAT WENT WRONG",
)  # fmt: skip


def _overview(run: BenchRun) -> Table:
    unseen = [
        one for one in run.profiles if not one.depths
    ]  # others have theirs below their depths
    notes = tuple(f"{one.profile}: {note}" for one in unseen for note in one.notes)
    rows = [_line(one) for one in run.profiles]
    return Table("", _OVERVIEW, rows, notes).without_empty_columns()


def _line(one: BenchedProfile) -> tuple[str, ...]:
    first, last = (one.depths[0], one.depths[-1]) if one.depths else (None, None)
    best = max(
        (row for row in one.streams if row.generation),
        key=lambda row: row.generation.median if row.generation else 0.0,
        default=None,
    )
    done = one.evaluation
    return (
        one.profile,
        seconds(one.loads[-1].seconds) if one.loads else "",
        _time(first.first_token) if first else "",
        _speed(first.prompt) if first else "",
        _speed(first.generation) if first else "",
        f"{_speed(last.generation)} at {tokens(last.depth)}" if last and last is not first else "",
        f"{_speed(best.generation)} of {best.streams}" if best else "",
        ", ".join(
            f"{row.device} {mib(row.placed or row.used)}"
            for row in one.memory
            if row.placed or row.used
        ),
        _layers(one),
        str(one.graph_splits or ""),
        str(done.exit_code) if done else "",
        "" if done is None or done.score is None else f"{done.score:g}",
        one.failure.message
        if one.failure
        else "interrupted"
        if one.outcome == "interrupted"
        else "",
    )


def _layers(one: BenchedProfile) -> str:
    """`49/49, 3 overflowing, experts of 12 in RAM`."""
    if one.layers_offloaded is None:
        return ""
    words = [f"{one.layers_offloaded}/{one.layers or '?'}"]
    words += [f"{one.layers_overflowing} overflowing"] if one.layers_overflowing else []
    words += [f"experts of {one.experts_in_ram} in RAM"] if one.experts_in_ram else []
    return ", ".join(words)


def _details(one: BenchedProfile) -> Iterator[Table]:
    if one.depths:
        yield Table(
            f"{one.profile}: one stream",
            _DEPTHS,
            [_depth(row) for row in one.depths],
            tuple(_notes(one)),
        ).without_empty_columns()
    if one.streams:
        yield Table(
            f"{one.profile}: several streams at once",
            _STREAMS,
            [_stream(row) for row in one.streams],
        ).without_empty_columns()
    if one.memory:
        yield Table(
            f"{one.profile}: memory, MiB", _MEMORY, [
                (row.device, *(_number(n) for n in (row.planned, row.placed, row.used, row.foreign)))
                for row in one.memory
            ]
        ).without_empty_columns()  # fmt: skip
    if len(one.loads) > 1:
        rows = [
            (seconds(load.seconds), percent(load.cached), "yes" if load.wanted_cold else "")
            for load in one.loads
        ]
        yield Table(
            f"{one.profile}: loads", ("TOOK", "CACHED", "MADE COLD"), rows
        ).without_empty_columns()


_DEPTHS = (
    "DEPTH", "FIRST TOKEN", "PROMPT", "GENERATION", "PROMPT W", "GENERATION W", "PROMPT T/J",
    "GENERATION T/J", "DRAFTED", "BESIDE TRAFFIC",
)  # fmt: skip
_STREAMS = ("STREAMS", "PROMPT OF EACH", "ALL BEGUN", "ANSWERS TOGETHER", "BESIDE TRAFFIC")
_MEMORY = ("DEVICE", "PLANNED", "PLACED", "USED", "OTHER PROGRAMS")


def _depth(row: DepthFigures) -> tuple[str, ...]:
    return (
        f"{row.depth:,}",
        _time(row.first_token),
        _speed(row.prompt),
        _speed(row.generation),
        _decimal(row.prompt_watts),
        _decimal(row.generation_watts),
        _decimal(row.prompt_tokens_per_joule),
        _decimal(row.generation_tokens_per_joule),
        percent(row.drafted),
        str(row.beside_traffic or ""),
    )


def _stream(row: StreamFigures) -> tuple[str, ...]:
    return (
        str(row.streams),
        f"{row.depth:,}",
        _time(row.first_token),
        _speed(row.generation),
        str(row.beside_traffic or ""),
    )


def _notes(one: BenchedProfile) -> Iterator[str]:
    if first := one.first:
        generation = f", {first.generation:.1f} t/s" if first.generation else ""
        yield f"the first request after the load, not counted: {seconds(first.first_token)} to its first token{generation}"
    yield from one.notes


# ---- comparisons ----


def comparison_tables(found: Comparison) -> list[Table]:
    """For each profile its figures before and after, and what else differs."""
    return [
        Table(
            one.profile,
            ("FIGURE", "BEFORE", "AFTER", "CHANGE", ""),
            [_change(change) for change in one.changes],
            tuple(f"goes together with: {what}" for what in one.together)
            or ("nothing else differs",),
        ).without_empty_columns()
        for one in found.profiles
    ]


def comparison_headline(found: Comparison) -> str:
    """Which runs, and how much changed beyond the spread."""
    real = [change for one in found.profiles for change in one.real]
    better = sum(change.judgement == "better" for change in real)
    words = (
        f"{better} better, {len(real) - better} worse beyond the spread"
        if real
        else "nothing changed beyond the spread"
    )
    missing = f"; only in one of them: {', '.join(found.missing)}" if found.missing else ""
    return (
        f"run {found.before.id} ({found.before.begun_at}) and run {found.after.id}"
        f" ({found.after.begun_at}): {words}{missing}"
    )


def _change(change: BenchChange) -> tuple[str, ...]:
    worded = _time if change.unit == "s" else _speed
    ratio = "" if change.ratio is None else f"{(change.ratio - 1) * 100:+.1f} %"
    return (
        change.figure,
        worded(change.before),
        worded(change.after),
        ratio,
        _MARKS[change.judgement],
    )


def _time(found: Spread | None) -> str:
    """`212 ms (208 to 230)`, or in seconds from one on."""
    if found is None:
        return ""
    return _worded(found, "ms", 1000, 0) if found.median < 1 else _worded(found, "s", 1, 2)


def _speed(found: Spread | None) -> str:
    """`54.2 t/s (53.9 to 54.4)`."""
    return "" if found is None else _worded(found, "t/s", 1, 1 if found.median < 100 else 0)


def _worded(found: Spread, unit: str, factor: int, digits: int) -> str:
    low, middle, high = (
        f"{value * factor:.{digits}f}" for value in (found.low, found.median, found.high)
    )
    return f"{middle} {unit}" + (f" ({low} to {high})" if low != high else "")


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _decimal(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
