"""Switches as a waterfall: each phase as a bar that begins where the one before it ends. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from paddock.api.switches import PhaseName, SwitchEntry, SwitchPhase
from paddock.api.types import PARTS
from paddock.figures.units import count

_EIGHTHS = "▏▎▍▌▋▊▉█"
_MOST_BARS = 16  # of one switch: of more, the longest
Kind = Literal["others", "load", "context", "answer"]
_KINDS: dict[PhaseName, Kind] = {
    "downloading": "load",
    "queued": "others",
    "tenure": "others",
    "draining": "others",
    "saving": "others",
    "stopping": "others",
    "memory": "others",
    "starting": "load",
    "fitting": "load",
    "loading": "load",
    "warming": "load",
    "restoring": "context",
    "first-token": "answer",
}


@dataclass(frozen=True, slots=True)
class PhaseBar:
    """One phase: its bar, with as many blanks before it as time had passed."""

    name: str
    kind: Kind
    bar: str
    seconds: str
    part: str  # who was waited for, or what was loaded


@dataclass(frozen=True, slots=True)
class Waterfall:
    """One switch: what it came to, and its phases."""

    when: str  # ISO 8601
    outcome: str
    summary: str  # `ready after 9.5 s, glm left, 1,700 tokens read again`
    bars: tuple[PhaseBar, ...]
    left_out: str  # `3 shorter ones`, where there are too many


def waterfalls(switches: Sequence[SwitchEntry], cells: int) -> list[Waterfall]:
    """One for each, all on the scale of the longest, which takes so many cells."""
    longest = max((_lasting(entry) for entry in switches), default=0.0)
    return [_waterfall(entry, cells / longest if longest else 0.0) for entry in switches]


def _lasting(entry: SwitchEntry) -> float:
    return sum(phase.seconds for phase in entry.phases)


def _waterfall(entry: SwitchEntry, scale: float) -> Waterfall:
    phases, bars, begun = entry.phases, [], 0.0
    shown = sorted(range(len(phases)), key=lambda n: -phases[n].seconds)[:_MOST_BARS]
    for number, phase in enumerate(phases):
        if number in shown:
            bars.append(_bar(phase, begun, scale))
        begun += phase.seconds
    rest = len(phases) - len(bars)
    return Waterfall(
        when=entry.ended_at,
        outcome=entry.outcome,
        summary=_summary(entry),
        bars=tuple(bars),
        left_out=count(rest, "shorter phase") if rest else "",
    )


def _bar(phase: SwitchPhase, begun: float, scale: float) -> PhaseBar:
    blanks = int(begun * scale)
    eighths = max(1, round(phase.seconds * scale * 8))
    full, rest = divmod(eighths, 8)
    return PhaseBar(
        name=phase.name,
        kind=_KINDS[phase.name],
        bar=" " * blanks + _EIGHTHS[-1] * full + (_EIGHTHS[rest - 1] if rest else ""),
        seconds=f"{phase.seconds:.2f} s",
        part=PARTS.get(phase.part, phase.part),
    )


def _summary(entry: SwitchEntry) -> str:
    facts = [f"{entry.outcome} after {entry.seconds:.2f} s"]
    if entry.left:
        facts.append(f"{', '.join(entry.left)} left for it")
    if entry.read_again:
        facts.append(f"{entry.read_again:,} tokens read again")
    return ", ".join(facts)
