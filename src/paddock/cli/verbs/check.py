"""`paddock check`: every problem of models.conf, before anything is stopped for it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paddock.cli.options import Config, EngineName, Json, ModelsDir, SettingsFile
from paddock.cli.output.terminal import paint, print_json
from paddock.figures.units import count, count_or_no

if TYPE_CHECKING:
    from paddock.api.placement import Advice
    from paddock.cli.offline.files import Files
    from paddock.config.profile import Problem, Stable

_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}
EXAMPLE = "Example: paddock check ~/models/models.conf && paddock restart"
File = Annotated[
    Path | None, typer.Argument(help="models.conf; default: the usual one.", show_default=False)
]


def check(
    file: File = None,
    config: Config = None,
    settings: SettingsFile = None,
    models_dir: ModelsDir = None,
    engine: EngineName = None,
    as_json: Json = False,
) -> None:
    """Find every problem in models.conf, and what could be better as far as the model files tell.

    Needs no daemon. Flags are compared with those of the installed engine, which is also asked whether it loads a file that looks doubtful: it reads the header and sees no GPU. Exit status 1 on errors, 0 where there are only warnings. What depends on this machine's memory and on measured speeds is the doctor's: `paddock doctor`.
    """
    from paddock.cli.offline.files import open_files

    files = open_files(file or config, settings, models_dir, engine)
    stable, found = files.read()
    problems = [_as_counted(problem) for problem in found]
    advice = _advice(files, stable) if stable else []
    is_good = (
        stable is not None
        and not any(problem.severity == "error" for problem in problems)
        and not any(one.severity == "error" for one in advice)
    )
    if as_json:
        result = {"ok": is_good, "problems": problems, "advice": advice}
        print_json({"file": str(files.paths.config), **result})
    else:
        _print(problems, advice, files.paths.config)
        counts = Counter[str](p.severity for p in problems)
        counts.update(one.severity for one in advice)
        print(_verdict(files.paths.config, stable, counts))
    if not is_good:
        sys.exit(1)


def _as_counted(problem: Problem) -> Problem:
    """A file that is missing stops no daemon, but here it is an error: its profile cannot run."""
    return replace(problem, severity="error") if problem.fails_check else problem


def _advice(files: Files, stable: Stable) -> list[Advice]:
    """What the headers of the model files add, and engines where only those can say."""
    from paddock.cli.offline.profile_facts import facts_of, with_refusals
    from paddock.placement.advice import advise

    found = with_refusals(files, facts_of(files, stable.profiles.values()))
    return [advice for facts in found for advice in advise(facts)]


def _print(problems: Iterable[Problem], advice: Iterable[Advice], file: Path) -> None:
    for problem in problems:
        _print_line(problem.severity, str(problem))
    for one in advice:
        where = f"{file}:{one.line}" if one.line else str(file)
        hint = f" ({one.hint})" if one.hint else ""
        text = f"{where}: [{one.profile}] {one.message}{hint}"
        _print_line(one.severity, text)


def _print_line(severity: str, text: str) -> None:
    print(f"{paint(f'{severity}:', _COLOURS[severity])} {text}")


def _verdict(file: Path, stable: Stable | None, counts: Counter[str]) -> str:
    parts = [count_or_no(len(stable.profiles), "profile")] if stable else []
    parts += [count(len(stable.variants), "variant")] if stable and stable.variants else []
    parts += [count_or_no(counts["error"], "error"), count_or_no(counts["warning"], "warning")]
    return f"{file}: {', '.join(parts)}"
