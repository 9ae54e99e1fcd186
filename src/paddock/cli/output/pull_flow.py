"""One pull from its plan to its profile: shown, agreed to, fetched, written."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from paddock.cli.offline.addition import Addition
from paddock.cli.output.addition_report import print_added
from paddock.cli.output.pull_progress import print_event, pull_shown
from paddock.cli.output.pull_sheet import print_pull, pull_as_json
from paddock.cli.output.steps import steps_shown
from paddock.cli.output.terminal import print_json
from paddock.errors import ConfigError, PaddockError

if TYPE_CHECKING:
    from paddock.cli.offline.pulling import PullPlan
    from paddock.cli.offline.remote_profiles import RemoteProfile


def show_plan(plan: PullPlan) -> None:
    """`--dry-run`, for people."""
    print_pull(plan)


def pull_to_the_end(
    plan: PullPlan,
    *,
    name: str | None,
    is_agreed: bool,
    as_json: bool,
    remote: RemoteProfile | None = None,
) -> None:
    """Fetch it and write its profile, if that is agreed, or a person at a terminal says so.

    `remote`: the profile that it is for, where that is there already.
    """
    if not as_json:
        print_pull(plan)
    if not is_agreed:
        _ask()
    with pull_shown() as display:
        paths = plan.fetched(display)
    if remote:
        remote.fill(plan, paths)
        _report_profile(plan, remote.section, as_json=as_json)
        return
    if has := plan.profile_that_has_it():
        _report_profile(plan, has, as_json=as_json)
        return
    addition = plan.addition(paths[0], name=name, progress=steps_shown())
    plan.written(addition)
    _report(plan, addition, [str(path) for path in paths], as_json=as_json)


def pull_with_events(
    plan: PullPlan, *, name: str | None, alias: str, files_only: bool = False
) -> None:
    """The same for a daemon: a line of JSON for each step, the last one `done` or `failed`.

    `files_only`: for a profile that names the repository itself.
    """
    print_event("plan", {"plan": pull_as_json(plan)})
    with pull_shown(as_events=True) as display:
        paths = plan.fetched(display)
    has = "" if files_only else plan.profile_that_has_it()
    if not (has or files_only):
        addition = plan.addition(paths[0], name=name, progress=steps_shown(), alias=alias)
        plan.written(addition)
        [has] = addition.names
    print_event("done", {"profile": has, "files": [str(path) for path in paths]})


def print_failure(error: PaddockError) -> None:
    """What ended it, as its last line."""
    print_event("failed", {"code": error.code, "message": error.message, "hint": error.hint})


def _ask() -> None:
    """Returns if the answer is yes."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        hint = "--yes fetches it, --dry-run only shows this"
        raise ConfigError("nothing was fetched: nobody could be asked", hint=hint)
    if not typer.confirm("\nFetch it?", default=True):
        raise ConfigError("nothing was fetched", hint="OWNER/REPO:QUANT chooses another one")


def _report(plan: PullPlan, addition: Addition, paths: list[str], *, as_json: bool) -> None:
    if as_json:
        print_json({**pull_as_json(plan), "profile": addition.names[0], "paths": paths})
    else:
        print_added(addition)


def _report_profile(plan: PullPlan, profile: str, *, as_json: bool) -> None:
    if as_json:
        print_json({**pull_as_json(plan), "profile": profile, "paths": []})
    else:
        print(f"its files are here, and [{profile}] is made of them")
