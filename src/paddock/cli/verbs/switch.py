"""`paddock switch`: bring a model out, and watch it come."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from paddock.api.address import DEFAULT_URL
from paddock.cli.options import Json, Key, Model, Url, connect
from paddock.cli.output.progress import shown
from paddock.cli.output.terminal import print_json
from paddock.figures.units import seconds

if TYPE_CHECKING:
    from paddock.api.client import Client
    from paddock.api.events import SwitchEnded

EXAMPLE = "Example: paddock switch glm-flash-q4 && claude"
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Try it although it is known to fail, or the GPUs are yielded, which ends that.",
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Only say what it would do: who leaves, what it needs and takes."
    ),
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Only ask for it; print the job's name.")]


def switch(
    model: Model,
    url: Url = DEFAULT_URL,
    key: Key = None,
    no_wait: NoWait = False,
    force: Force = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Make a model ready, and watch it come.

    The exit status says whether it is ready. Ctrl-C leaves the bar, not the load: that belongs to the daemon. `paddock cancel` ends it. What is known to fail is refused at once, and what runs stays; --force tries it.
    """
    client = connect(url, key)
    if dry_run:
        _print_preview(client, model, as_json=as_json)
        return
    if no_wait or as_json:
        _ask_once(client, model, wait=not no_wait, force=force, as_json=as_json)
        return
    ended = watched(client, model, force=force)
    took = f" after {seconds(ended.seconds)}" if ended.seconds >= 0.05 else " already"
    print(f"{ended.profile} is ready{took}{_found(client, ended)}")


def _print_preview(client: Client, model: str, *, as_json: bool) -> None:
    found = client.preview(model)
    if as_json:
        print_json(found)
    else:
        print(f"{found.profile}: {found.summary}")


def _found(client: Client, ended: SwitchEnded) -> str:
    """Whether it lies as it should, and what is wrong: that is known a moment after it is ready."""
    from paddock.cli.output.terminal import verdict

    for _ in range(20):
        live = next((i for i in client.status().instances if i.id == ended.instance), None)
        if live is None:
            return ""
        if live.verdict:
            reasons = "".join(f"\n  {reason.message}" for reason in live.verdict.reasons)
            return f", {verdict(live.verdict)}{reasons}"
        time.sleep(0.05)
    return ""


def watched(client: Client, model: str, *, force: bool = False) -> SwitchEnded:
    """Switch and show it; gives the end of a switch that worked out, raises for any other."""
    from paddock.api.client import failure_of
    from paddock.api.events import SwitchEnded

    with shown(model) as display:
        for event in client.switch_progress(model, force=force):
            if isinstance(event, SwitchEnded):
                break
            display.show(event.progress)
        else:
            raise AssertionError("switch_progress ends with SwitchEnded or raises")
    if event.outcome != "ready":
        raise failure_of(event)
    return event


def _ask_once(client: Client, model: str, *, wait: bool, force: bool, as_json: bool) -> None:
    result = client.switch(model, wait=wait, force=force)
    if as_json:
        print_json(result)
    else:  # only without waiting
        print(f"{result.model}: {result.outcome}, job {result.job}")
    if result.outcome in ("failed", "cancelled"):
        sys.exit(1)
