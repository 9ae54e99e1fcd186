"""What the verbs of `paddock engine` print of an engine: its trial, and that it is the default now."""

from __future__ import annotations

from typing import Any

from paddock.cli.output.terminal import complain, paint
from paddock.figures.units import count


def trial_words(trial: dict[str, Any] | None) -> str:
    """`passed 2026-11-24 against stable, 9 models`; "" without a trial."""
    if not trial:
        return ""
    day = trial["tried_at"][:10]
    result = paint("passed", "green") if trial["passed"] else paint("failed", "red")
    against = f" against {trial['against']}" if trial["against"] else ""
    return f"{result} {day}{against}, {count(trial['cases'], 'model')}"


def print_default(name: str | None, problem: str) -> None:
    """Which engine is the default now; `problem`: why a running daemon has not read it."""
    print(f"the default is {name or 'the first engine that is found'} now")
    print("running models keep their engine until their next switch")
    if problem:
        complain(f"note: {problem}")
