"""What the screens show, as plain data: rows, lines and marks, made from a view. Pure.

Widgets only lay these out. `now` is the dashboard's clock, the one that the view was folded with.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from paddock.api.activity import RequestInfo
from paddock.api.placement import Verdict
from paddock.api.types import ProfileInfo
from paddock.figures.units import (
    age,
    ago,
    amount,
    count,
    mib,
    percent,
    speed,
    tokens,
    unix,
)
from paddock.tui.bars import Bar, Segment, device_bar, device_bars
from paddock.tui.engine_problem import engine_problem
from paddock.tui.marks import LINKS, NOTICES, STATES, VERDICTS, Mark, Tone
from paddock.tui.notices import complaint, not_applied, reason
from paddock.tui.state import View
from paddock.tui.switch_lines import (
    SwitchLine,
    fraction,
    loading_rate,
    stage,
    switch_line,
    switch_lines,
)

# ---- models ----


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One profile in one line; an empty string where there is nothing to show."""

    id: str
    title: str
    state: Mark
    note: str  # what is remarkable just now: `42 %`, `2 waiting`, why it failed
    size: str
    context: str
    speed: str  # measured, and what is promised: `105 / ~112 t/s`
    verdict: Mark | None
    last_used: str
    is_current: bool  # it answers requests that name no model
    is_pinned: bool
    is_bench: bool


def model_rows(view: View, now: float, *, hidden: bool = False) -> tuple[ModelRow, ...]:
    """All profiles in the file's order, benchmarks last; hidden ones if asked for, or loaded."""
    shown = [m for m in view.models if hidden or not m.hidden or m.state != "unloaded"]
    shown.sort(key=lambda profile: profile.bench)
    return tuple(model_row(view, profile, now) for profile in shown)


def model_row(view: View, profile: ProfileInfo, now: float) -> ModelRow:
    return ModelRow(
        id=profile.id,
        title=profile.title,
        state=STATES[profile.state],
        note=_note(view, profile),
        size=mib(profile.size_mib),
        context=tokens(_context(view, profile)),
        speed=speeds(profile),
        verdict=VERDICTS[profile.verdict.state] if profile.verdict else None,
        last_used=last_used(view, profile, now),
        is_current=profile.id == view.current,
        is_pinned=profile.pin,
        is_bench=profile.bench,
    )


def speeds(profile: ProfileInfo) -> str:
    """`105 / ~112 t/s`; one of the two, or the file's own words, where that is all."""
    measured = profile.speed.generation if profile.speed else None
    promised = profile.expected_speed
    if measured is not None and promised is not None:
        return f"{speed(measured).removesuffix(' t/s')} / ~{_short(promised)} t/s"
    if measured is not None:
        return speed(measured)
    return f"~{_short(promised)} t/s" if promised is not None else profile.speed_text


def last_used(view: View, profile: ProfileInfo, now: float) -> str:
    """`3 min ago`; while it answers, `now`."""
    if profile.state == "busy":
        return "now"
    at = unix(profile.last_used) if profile.last_used else None
    if at is None or view.epoch is None:
        return ""
    return ago(view.epoch + now - at)


def verdict_text(verdict: Verdict) -> str:
    """`verified`, or `degraded: 33 graph splits instead of 5`."""
    return complaint(verdict).removeprefix("is ")


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def _context(view: View, profile: ProfileInfo) -> int | None:
    """Tokens: as loaded, else as the file says."""
    instance = view.instance_of(profile.id)
    loaded = instance.placement.n_ctx if instance and instance.placement else None
    return loaded or profile.ctx_size


def _note(view: View, profile: ProfileInfo) -> str:
    switch = view.switches.get(profile.id)
    parts = []
    is_coming = switch is not None and not switch.failure
    if switch and is_coming:
        parts.append(percent(fraction(switch.progress)) or stage(switch.progress))
    if profile.waiting:
        parts.append(f"{profile.waiting} waiting")
    if profile.failure and not is_coming:
        parts.append(reason(profile.id, profile.failure))
    if profile.stale:
        parts.append("models.conf has changed since")
    return ", ".join(parts)


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
    problem: str  # of the link, of models.conf or of the engine; else that the GPUs are yielded

    @property
    def text(self) -> str:
        known = (self.name, self.url, self.engine, self.current, str(self.link), self.problem)
        return " · ".join(filter(None, known))


def header(view: View) -> Header:
    error = view.config.error if view.config else None
    config = not_applied(error) if error else ""
    yielded = view.yielded.in_words() if view.yielded else ""
    return Header(
        name=f"paddock {view.version}".strip(),
        url=view.url,
        engine=view.engine,
        current=view.current or "",
        link=LINKS[view.link],
        problem=view.link_error or config or yielded or engine_problem(view),
    )


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
    "verdict_text",
]  # fmt: skip
