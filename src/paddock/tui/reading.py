"""What the screens show, as plain data: rows, lines and marks, made from a view. Pure.

Widgets only lay these out. `now` is the dashboard's clock, the one that the view was folded with.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from paddock.api.activity import RequestInfo
from paddock.api.placement import Verdict
from paddock.api.types import FaultInfo
from paddock.figures.units import age, ago, amount, count, percent, speed
from paddock.tui.arrangement import model_rows
from paddock.tui.bars import Bar, Segment, device_bar, device_bars
from paddock.tui.engine_problem import engine_problem
from paddock.tui.marks import LINKS, NOTICES, STATES, VERDICTS, Mark, Tone
from paddock.tui.model_rows import (
    ModelRow,
    last_used,
    model_row,
    speeds,
    variant_row,
)
from paddock.tui.notices import complaint
from paddock.tui.problems import ConfProblem, mistakes, warnings
from paddock.tui.state import View
from paddock.tui.switch_lines import (
    SwitchLine,
    fraction,
    loading_rate,
    stage,
    switch_line,
    switch_lines,
)


def verdict_text(verdict: Verdict) -> str:
    """`verified`, or `degraded: 33 graph splits instead of 5`."""
    return complaint(verdict).removeprefix("is ")


# ---- requests ----


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One request in one line."""

    id: int
    client: str
    surface: str
    model: str
    phase: str  # `queued`, `prompt 43 %`, `generating`
    tokens: str  # generated so far; while it reads, of the prompt
    speed: str
    age: str


def request_rows(view: View, now: float) -> tuple[RequestRow, ...]:
    """The oldest first."""
    ordered = sorted(view.requests, key=lambda request: request.id)
    passed = max(now - view.heard, 0.0) if view.heard is not None and view.link == "live" else 0.0
    return tuple(request_row(request, passed) for request in ordered)


def request_row(request: RequestInfo, passed: float = 0.0) -> RequestRow:
    """`passed`: seconds since it was reported."""
    is_reading = request.phase == "prompt"
    shown = request.prompt_tokens if is_reading else request.generated_tokens
    return RequestRow(
        id=request.id,
        client=request.client,
        surface=request.surface,
        model=request.profile,
        phase=f"prompt {percent(request.prompt_fraction)}".strip() if is_reading else request.phase,
        tokens="" if shown is None else amount(shown),
        speed=speed(request.speed),
        age=age(request.age + passed),
    )


# ---- lines for the whole ----


@dataclass(frozen=True, slots=True)
class Header:
    """The first line: who is looked at, and whether it answers."""

    name: str  # `paddock 0.1.0`
    url: str
    engine: str
    current: str
    link: Mark
    problem: str  # of the link or of the engine; else that the GPUs are yielded
    faults: tuple[str, ...] = ()  # unexpected errors of the daemon's own parts, the newest first
    away: tuple[str, ...] = ()  # machines of the stable that are not up
    mistakes: tuple[ConfProblem, ...] = ()  # for which models.conf, as it is now, is not applied
    warnings: tuple[ConfProblem, ...] = ()  # of models.conf

    @property
    def text(self) -> str:
        known = (self.name, self.url, self.engine, self.current, str(self.link), self.problem)
        found = (problem.text for problem in (*self.mistakes, *self.warnings))
        return " · ".join(filter(None, (*known, *self.faults, *self.away, *found)))


def header(view: View) -> Header:
    yielded = view.yielded.in_words() if view.yielded else ""
    return Header(
        name=f"paddock {view.version}".strip(),
        url=view.url,
        engine=view.engine,
        current=view.current or "",
        link=LINKS[view.link],
        problem=view.link_error or yielded or engine_problem(view),
        faults=tuple(_fault(fault) for fault in reversed(view.faults)),
        away=tuple(node.in_words() for node in view.nodes if node.state != "up"),
        mistakes=mistakes(view.config),
        warnings=warnings(view.config),
    )


def _fault(fault: FaultInfo) -> str:
    return f"an unexpected error in {fault.part}: {fault.message}"


def totals_line(view: View) -> str:
    """What was served since the daemon began, and what waits now."""
    totals = view.totals
    parts = [count(totals.requests, "request")]
    parts += [f"{totals.failed} failed"] if totals.failed else []
    parts += [f"{amount(totals.prompt_tokens)} tokens read"]
    parts += [f"{amount(totals.generated_tokens)} written"]
    parts += [f"{waiting} waiting"] if (waiting := sum(view.waiting.values())) else []
    parts += [f"memory pressure {view.pressure:.0f} %"] if (view.pressure or 0) >= 1 else []
    return " · ".join(parts)


@dataclass(frozen=True, slots=True)
class NoticeLine:
    mark: Mark
    text: str
    when: str  # `3 min ago`


def notice_lines(view: View, now: float, most: int = 5) -> tuple[NoticeLine, ...]:
    """The last `most`, the newest last."""
    chosen = view.notices[-most:] if most > 0 else ()
    return tuple(NoticeLine(NOTICES[n.kind], n.text, ago(now - n.at)) for n in chosen)


def trace(view: View, name: str, width: int) -> Sequence[float | None]:
    """The last `width` values of a trace, with gaps before its beginning: see `paddock.tui.traces`."""
    known = view.traces.get(name)
    values = known.values[-width:] if known and width > 0 else ()
    return (None,) * (width - len(values)) + tuple(values)


__all__ = [
    "LINKS", "NOTICES", "STATES", "VERDICTS", "Bar", "Header", "Mark", "ModelRow", "NoticeLine",
    "RequestRow", "Segment", "SwitchLine", "Tone", "device_bar", "device_bars", "fraction", "header",
    "last_used", "loading_rate", "model_row", "model_rows", "notice_lines", "request_row",
    "request_rows", "speeds", "stage", "switch_line", "switch_lines", "totals_line", "trace",
    "variant_row", "verdict_text",
]  # fmt: skip
