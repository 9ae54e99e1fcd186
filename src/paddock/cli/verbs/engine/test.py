"""`paddock engine test`: an engine is tried before models run on it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paddock.api.address import DEFAULT_URL
from paddock.cli.options import (
    Config,
    EngineArgument,
    Json,
    Key,
    SettingsFile,
    Url,
    connect,
    profile_names,
)
from paddock.cli.output.terminal import complain, paint, print_json, print_table
from paddock.errors import EngineError
from paddock.scratch import scratch

if TYPE_CHECKING:
    from paddock.cli.offline.files import Files
    from paddock.engine.engine import Engine
    from paddock.engine.trial_cases import TrialCase
    from paddock.engine.trial_compare import TrialFinding

EXAMPLE = "Example: paddock engine test next --against stable --profile glm-flash-q4"
Against = Annotated[
    str | None,
    typer.Option(
        "--against", metavar="NAME", help="Compare with this engine; default: the default one."
    ),
]
Profiles = Annotated[
    list[str] | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        help="Also try this profile, as it is configured; may be repeated.",
        autocompletion=profile_names,
        show_default=False,
    ),
]
_COLOURS = {"ok": "green", "changed": "yellow", "worse": "red", "failed": "red"}


def try_engine(
    name: EngineArgument,
    against: Against = None,
    profile: Profiles = None,
    config: Config = None,
    settings: SettingsFile = None,
    url: Url = DEFAULT_URL,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Try an engine: does it load, answer, call tools and embed as it should, and as another one does?

    On small models of each architecture, made for it, and on profiles of yours: a short, a 100-token and a 2,000-token prompt, greedy answers, where the model lies, how fast it is. Exit status 0: safe; 1: not.
    """
    from paddock.cli.offline.files import open_files

    files = open_files(config, settings)
    engine = files.engines.find(name)
    other = _other(files, engine, against)
    _nobody_else(url, key, profile or [])
    with scratch("trial") as folder:
        cases = _cases(files, profile or [], folder)
        found = _findings(cases, engine, other, folder)
    safe = _write_down(files, engine, other, found, len(cases))
    if as_json:
        print_json(
            {
                "engine": name,
                "against": other.name if other else "",
                "safe": safe,
                "findings": found,
            }
        )
    else:
        _print(found, engine, other)
        _sum_up(found, engine, other, safe=safe)
    if not safe:
        sys.exit(1)


def _other(files: Files, engine: Engine, against: str | None) -> Engine | None:
    """What to compare with: the engine that was asked for, else the default, unless that is it."""
    if against:
        return files.engines.find(against)
    try:
        found = files.engines.find()
    except EngineError:
        return None  # a broken default is one more reason to try another
    return found if found.build_mark != engine.build_mark else None


def _nobody_else(url: str, key: str | None, profiles: Sequence[str]) -> None:
    """Profiles need the room that they need: models that are loaded would take it from them."""
    from paddock.errors import PaddockError

    if not profiles:
        return
    try:
        loaded = [i.profile for i in connect(url, key).status().instances]
    except PaddockError:
        return
    if loaded:
        raise EngineError(
            f"{', '.join(loaded)}: loaded, and in the way of a fair test",
            hint="`paddock unload` first, or test without --profile",
        )


def _cases(files: Files, profiles: Sequence[str], folder: Path) -> list[TrialCase]:
    from paddock.engine.trial_cases import generated, of_profiles

    models = folder / "models"
    models.mkdir()
    own = [files.profile(name) for name in profiles]
    return [*generated(models), *of_profiles(own)]


def _findings(
    cases: Sequence[TrialCase], engine: Engine, other: Engine | None, folder: Path
) -> list[TrialFinding]:
    from paddock.engine.trial import try_all
    from paddock.engine.trial_compare import findings

    def tell(what: str) -> None:
        complain(paint(f"trying {what}", "dim", sys.stderr))

    before = try_all(other, cases, folder / "other", tell) if other else []
    return findings(cases, try_all(engine, cases, folder / "tried", tell), before)


def _write_down(
    files: Files, engine: Engine, other: Engine | None, found: Sequence[TrialFinding], cases: int
) -> bool:
    """Whether it is safe; remembered for this very build."""
    from paddock.engine.trial_compare import is_safe
    from paddock.engine.trial_store import Trial, open_trial_store, today, write_trial_store

    safe = is_safe(found)
    store = open_trial_store(files.paths.state_dir)
    store.trials[engine.build_mark] = Trial(
        engine=engine.name,
        version=engine.version,
        tried_at=today(),
        against=other.name if other else "",
        passed=safe,
        cases=cases,
        failures=[f"{f.case}, {f.what}: {f.now}" for f in found if f.is_unsafe],
    )
    write_trial_store(files.paths.state_dir, store)
    return safe


def _print(found: Sequence[TrialFinding], engine: Engine, other: Engine | None) -> None:
    rows = [
        [f.case, f.what, paint(f.judgement, _COLOURS[f.judgement]), _short(f.now), _short(f.before)]
        for f in found
    ]
    before = other.name.upper() if other else "BEFORE"
    print_table(["MODEL", "WHAT", "", engine.name.upper(), before], rows)


def _short(text: str, longest: int = 48) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _sum_up(
    found: Sequence[TrialFinding], engine: Engine, other: Engine | None, *, safe: bool
) -> None:
    print()
    if safe:
        print(f"{engine.name} is safe: `paddock engine promote {engine.name}` makes it the default")
        return
    print(paint(f"{engine.name} is not safe", "red"))
    for finding in found:
        if finding.is_unsafe:
            print(f"    {finding.case}, {finding.what}: {finding.now}")
    if other:
        print(f"a profile that fails on it can stay where it is: engine = {other.name}")
