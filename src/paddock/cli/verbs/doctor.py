"""`paddock doctor`: what could be better on this machine, and what to write for it."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from paddock.api.address import DEFAULT_URL
from paddock.cli.options import (
    Config,
    EngineName,
    Json,
    Key,
    ModelsDir,
    SettingsFile,
    Url,
    connect,
    profile_names,
)
from paddock.cli.output.terminal import NO_PROFILES, complain, paint, print_json
from paddock.figures.units import count_or_no

if TYPE_CHECKING:
    from paddock.api.placement import Advice, Checkup
    from paddock.cli.offline.files import Files

EXAMPLE = "Example: paddock doctor glm-flash-q4; paddock doctor --json | jq '.advice[].code'"
Profiles = Annotated[
    list[str] | None,
    typer.Argument(
        help="Profiles' names or aliases; without any, all.",
        autocompletion=profile_names,
        show_default=False,
    ),
]

_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}


def doctor(
    profiles: Profiles = None,
    url: Url = DEFAULT_URL,
    key: Key = None,
    config: Config = None,
    settings: SettingsFile = None,
    models_dir: ModelsDir = None,
    engine: EngineName = None,
    as_json: Json = False,
) -> None:
    """Find what could be better: in models.conf, in the model files, and on this machine.

    Asks each profile's engine for a plan, which loads nothing. A daemon that answers is asked; it knows measured speeds too. Without one, or with --config, this machine is read here. Each code is explained in docs/troubleshooting.md. Exit status 1 if there is an error among the findings.
    """
    from paddock.cli.offline.files import open_files

    wanted = profiles or []
    found = _asked(url, key, wanted) if config is None else None
    if found is None:
        found = _examined(open_files(config, settings, models_dir, engine), wanted)
    print_json(found) if as_json else _print(found.advice)
    if any(advice.severity == "error" for advice in found.advice):
        sys.exit(1)


def _announced(names: Iterable[str]) -> Iterator[str]:
    """Each name, printed on a terminal when its turn comes: a plan takes seconds."""
    for name in names:
        if sys.stderr.isatty():
            complain(f"looking at {name} …")
        yield name


# ---- by a daemon ----


def _asked(url: str, key: str | None, wanted: Sequence[str]) -> Checkup | None:
    """What the daemon finds, asked profile by profile; None where none answers."""
    from paddock.errors import DaemonUnreachable

    client = connect(url, key)
    try:
        names = wanted or [p.id for p in client.models() if not p.variant_of]
    except DaemonUnreachable as error:
        complain(f"{error.message}; looking here")
        return None
    if not names:
        complain(NO_PROFILES)
        return client.doctor()
    return _merged([one for name in _announced(names) for one in client.doctor([name]).advice])


def _merged(found: list[Advice]) -> Checkup:
    """One answer of many, as what concerns all profiles is in each.

    Also what this terminal's environment sets: a llama-server by hand would be started here.
    """
    from paddock.api.placement import Checkup
    from paddock.placement.advice import advise_machine
    from paddock.placement.profile_facts import MachineFacts

    codes = {advice.code for advice in found}
    found = [
        a for a in advise_machine(MachineFacts(environ=os.environ)) if a.code not in codes
    ] + found
    once = [advice for place, advice in enumerate(found) if advice not in found[:place]]
    return Checkup(advice=sorted(once, key=lambda advice: bool(advice.profile)))


# ---- without one ----


def _examined(files: Files, wanted: Sequence[str]) -> Checkup:
    from paddock.api.placement import Checkup
    from paddock.cli.offline.planning import Local
    from paddock.cli.offline.profile_facts import facts_of, machine_facts, with_plans
    from paddock.placement.advice import checkup

    files.must_exist()
    stable, problems = files.read()
    if stable is None:
        return Checkup(advice=checkup(problems, [], machine_facts(files, None, [])))
    if not stable.profiles:
        complain(NO_PROFILES)
    here = Local(files)
    chosen = [files.profile(name) for name in wanted] or list(stable.profiles.values())
    plans = with_plans(here, facts_of(files, chosen))
    found = [facts for _, facts in zip(_announced(p.id for p in chosen), plans, strict=True)]
    sections = {"", "*", *(profile.id for profile in chosen)}
    chosen_problems = [problem for problem in problems if problem.section in sections]
    return Checkup(advice=checkup(chosen_problems, found, machine_facts(files, here, found)))


# ---- what is shown ----


def _print(advice: Sequence[Advice]) -> None:
    if not advice:
        print("nothing to improve")
        return
    for profile, group in groupby(advice, key=lambda one: one.profile):
        print(paint(profile or "this machine, and all profiles", "bold"))
        for one in group:
            print("\n".join(_lines(one)))
    counts = Counter(one.severity for one in advice)
    parts = [count_or_no(counts["error"], "error"), count_or_no(counts["warning"], "warning")]
    print(f"\n{', '.join(parts)}; docs/troubleshooting.md explains each [code]")


def _lines(one: Advice) -> Iterator[str]:
    line = f"line {one.line}: " if one.line else ""
    code = paint(f"[{one.code}]", "dim")
    yield f"  {paint(f'{one.severity}:', _COLOURS[one.severity])} {line}{one.message} {code}"
    if one.hint:
        yield f"      {one.hint}"
