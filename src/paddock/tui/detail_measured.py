"""What a profile's last benchmark and study found, as far as a terminal can plot it."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from paddock.api.bench import BenchedProfile, BenchRun, Spread
from paddock.api.tunings import Tuning, TuningTrial
from paddock.errors import PaddockError
from paddock.figures.units import mib, seconds, speed
from paddock.tui.calls import DaemonCalls

_WIDE = 20  # cells of the longest bar
_RUNS = 20  # how far back a benchmark of this profile may lie
_TRIALS = 8


def measured_of(daemon: DaemonCalls, profile: str) -> RenderableType:
    """Both, as the daemon has kept them; nothing where it has none, or does not say (a front of several nodes)."""
    found: list[RenderableType] = []
    with suppress(PaddockError):
        summary = next((r for r in daemon.bench_runs(_RUNS) if profile in r.profiles), None)
        if summary:
            run = daemon.bench_run(summary.id)
            found += [_benchmark(run, one) for one in run.profiles if one.profile == profile]
    with suppress(PaddockError):
        if studies := daemon.tunings(profile, 1).tunings:
            found.append(_study(daemon.tuning(studies[0].id)))
    return Group(*found)


def _benchmark(run: BenchRun, one: BenchedProfile) -> RenderableType:
    """Speed over depth."""
    heading = Text(f"\nbenchmark {run.id}, {_day(run.begun_at)}, by depth", "bold")
    table = _table("tokens", "writes", "", "reads", "", "first token")
    writes = [_median(row.generation) for row in one.depths]
    reads = [_median(row.prompt) for row in one.depths]
    for row, write, read in zip(one.depths, writes, reads, strict=True):
        first = seconds(_median(row.first_token) or None)
        table.add_row(
            f"{row.depth:,}",
            bar(write, writes), speed(write or None), bar(read, reads), speed(read or None), first,
        )  # fmt: skip
    return Group(heading, table) if one.depths else Group(heading, Text("no speed was measured"))


def _study(study: Tuning) -> RenderableType:
    """Its trials that nothing beats, with today's."""
    came = f": {study.gain:+.1%}" if study.verdict == "better" and study.gain is not None else ""
    heading = Text(f"\ntuning {study.id} for {study.goal}, {_day(study.begun_at)}{came}", "bold")
    table = _table("score", "", "writes", "context", "left free", "with")
    shown = list(_shown(study))
    scores = [_median(trial.score) for trial in shown]
    for trial, score in zip(shown, scores, strict=True):
        flags = ", ".join(f"{flag} {value}" if value else f"no {flag}" for flag, value in trial.changes.items())  # fmt: skip
        table.add_row(
            bar(score, scores), f"{score:,.1f}" if score else "",
            speed(trial.generation), f"{trial.context:,}" if trial.context else "",
            mib(trial.free_mib), flags or "today's flags",
        )  # fmt: skip
    return Group(heading, table) if shown else heading


def _shown(study: Tuning) -> Iterator[TuningTrial]:
    front = [trial for trial in study.trials if trial.number in study.front]
    best = sorted(front, key=lambda trial: -_median(trial.score))[:_TRIALS]
    today = [trial for trial in study.trials[:1] if trial not in best]
    yield from (*today, *best)


def bar(value: float, among: Sequence[float]) -> Text:
    """Its length against the longest of them."""
    most = max(among, default=0.0)
    return Text("█" * round(_WIDE * value / most) if most else "", "cyan")


def _table(*names: str) -> Table:
    table = Table(box=None, padding=(0, 1))
    for name in names:
        table.add_column(name)
    return table


def _median(spread: Spread | None) -> float:
    return spread.median if spread else 0.0


def _day(time: str) -> str:
    return time[:16].replace("T", " ")
