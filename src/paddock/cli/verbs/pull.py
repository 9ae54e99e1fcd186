"""`paddock pull`: a model from a hub, planned before it is fetched, and its profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from paddock.api.address import DEFAULT_URL
from paddock.cli.options import Config, EngineName, Json, Key, ModelsDir, SettingsFile, Url
from paddock.errors import BadRequest, PaddockError

if TYPE_CHECKING:
    from paddock.cli.offline.pulling import Daemon

EXAMPLE = "Example: paddock pull unsloth/Qwen3-8B-GGUF --dry-run"
_ANSWER_SECONDS = 2.0  # a daemon that does not answer by then is none

HubModel = Annotated[
    str,
    typer.Argument(
        metavar="OWNER/REPO[:QUANT]",
        help="A repository of a hub, hf.co/…, its address, or a file within it.",
        show_default=False,
    ),
]
Name = Annotated[
    str | None,
    typer.Option(
        "--name",
        metavar="NAME",
        show_default=False,
        help="The profile's name; default: as `paddock init` would call it.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan, and fetch no weights.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Fetch it without asking.")]
Rate = Annotated[
    str,
    typer.Option(
        "--rate", metavar="RATE", show_default=False, help="At most so much a second: 20M."
    ),
]
Events = Annotated[
    bool, typer.Option("--events", hidden=True, help="A line of JSON for each step, for a daemon.")
]


def pull(
    model: HubModel,
    name: Name = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    rate: Rate = "",
    config: Config = None,
    settings: SettingsFile = None,
    models_dir: ModelsDir = None,
    engine: EngineName = None,
    url: Url = DEFAULT_URL,
    key: Key = None,
    events: Events = False,
    as_json: Json = False,
) -> None:
    """Fetch a model from the Hugging Face hub and add its profile to models.conf.

    Before a byte of weights is fetched it shows what the model is, which of its quantisations fits here and where, which context, what would have to leave for it and what the disk has free; of the file some MB are read for that. Ctrl-C keeps what has come: the same command goes on from there. What has come has its final name only once its length and hash are the hub's.
    """
    from paddock.cli.offline.files import open_files
    from paddock.cli.offline.pulling import PullPlan, rate_of
    from paddock.cli.output.pull_flow import (
        print_failure,
        pull_to_the_end,
        pull_with_events,
        show_plan,
    )
    from paddock.cli.output.pull_sheet import pull_as_json
    from paddock.cli.output.terminal import print_json

    if as_json and not (yes or dry_run):
        raise BadRequest("--json asks nobody", hint="add --yes or --dry-run")
    files = open_files(config, settings, models_dir, engine)
    bytes_a_second = rate_of(rate) if rate else 0
    try:
        plan = PullPlan.of(model, files, daemon=_daemon(url, key), rate=bytes_a_second)
        if events:
            pull_with_events(plan, name=name)
        elif not dry_run:
            pull_to_the_end(plan, name=name, is_agreed=yes, as_json=as_json)
        elif as_json:
            print_json(pull_as_json(plan))
        else:
            show_plan(plan)
    except PaddockError as error:
        if events:
            print_failure(error)
        raise


def _daemon(url: str, key: str | None) -> Daemon | None:
    """What a running daemon knows; None where none answers, or not to us."""
    from paddock.api.client import Client
    from paddock.cli.offline.pulling import Daemon

    client = Client(url, key, timeout=_ANSWER_SECONDS)
    try:
        return Daemon(client.status(), client.models())
    except PaddockError:
        return None
