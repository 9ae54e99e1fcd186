"""`paddock pull`: a model from a hub, planned before it is fetched, and its profile."""

from __future__ import annotations

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
    StateDir,
    Url,
)
from paddock.errors import BadRequest, PaddockError
from paddock.figures.units import mib

if TYPE_CHECKING:
    from paddock.cli.offline.files import Files
    from paddock.cli.offline.pulling import KnownDaemon

EXAMPLE = "Example: paddock pull unsloth/Qwen3-8B-GGUF --dry-run"
_ANSWER_SECONDS = 2.0  # a daemon that does not answer by then is none

HubModel = Annotated[
    str | None,
    typer.Argument(
        metavar="OWNER/REPO[:QUANT]",
        help="A repository of a hub, hf.co/…, its address, a file within it, or a profile with `hf-repo`; with --check and --update a profile.",
        show_default=False,
    ),
]
Check = Annotated[
    bool, typer.Option("--check", help="Which profiles have newer files on their hub.")
]
Update = Annotated[
    bool, typer.Option("--update", help="Fetch newer files beside the old ones, and change over.")
]
Forget = Annotated[
    bool, typer.Option("--forget", help="Delete what has come of unfinished downloads of it.")
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

Alias = Annotated[
    str, typer.Option("--alias", hidden=True, help="Another name for the profile, with --events.")
]

FilesOnly = Annotated[
    bool, typer.Option("--files-only", hidden=True, help="Make no profile of it, with --events.")
]


def pull(
    model: HubModel = None,
    name: Name = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    check: Check = False,
    update: Update = False,
    forget: Forget = False,
    rate: Rate = "",
    config: Config = None,
    settings: SettingsFile = None,
    models_dir: ModelsDir = None,
    state_dir: StateDir = None,
    engine: EngineName = None,
    url: Url = DEFAULT_URL,
    key: Key = None,
    events: Events = False,
    alias: Alias = "",
    files_only: FilesOnly = False,
    as_json: Json = False,
) -> None:
    """Fetch a model from the Hugging Face hub and add its profile to models.conf.

    Before a byte of weights is fetched it shows what the model is, which of its quantisations fits here and where, which context, what would have to leave for it and what the disk has free; of the file some MB are read for that. Ctrl-C keeps what has come: the same command goes on from there. What has come has its final name only once its length and hash are the hub's.

    --check and --update are for profiles that it has written, which know by their `source` where they are from, and for those that name a repository as `hf-repo`.
    """
    from paddock.cli.offline.files import open_files
    from paddock.cli.offline.pulling import PullPlan, forgotten, rate_of
    from paddock.cli.offline.remote_profiles import RemoteProfile
    from paddock.cli.output.pull_flow import (
        print_failure,
        pull_to_the_end,
        pull_with_events,
        show_plan,
    )
    from paddock.cli.output.pull_sheet import pull_as_json
    from paddock.cli.output.terminal import print_json

    files = open_files(config, settings, models_dir, engine, state_dir)
    bytes_a_second = rate_of(rate) if rate else 0
    if check or update:
        _renew(files, model, url, key, only_checks=not update, rate=bytes_a_second, as_json=as_json)
        return
    if model is None:
        hint = "as unsloth/Qwen3-8B-GGUF; `paddock pull --check` asks about all that were pulled"
        raise BadRequest("name a repository of a hub", hint=hint)
    if forget:
        print(f"freed {mib(forgotten(model, files) / (1 << 20))}")
        return
    if as_json and not (yes or dry_run):
        raise BadRequest("--json asks nobody", hint="add --yes or --dry-run")
    try:
        daemon = None if events else _daemon(url, key)
        remote = RemoteProfile.of(model, files)
        wanted = remote.wanted if remote else model
        plan = PullPlan.of(
            wanted, files, daemon=daemon, rate=bytes_a_second, as_llama_server=files_only
        )
        if events:
            pull_with_events(plan, name=name, alias=alias, files_only=files_only)
        elif not dry_run:
            pull_to_the_end(plan, name=name, is_agreed=yes, as_json=as_json, remote=remote)
        elif as_json:
            print_json(pull_as_json(plan))
        else:
            show_plan(plan)
    except PaddockError as error:
        if events:
            print_failure(error)
        raise


def _renew(
    files: Files,
    model: str | None,
    url: str,
    key: str | None,
    *,
    only_checks: bool,
    rate: int,
    as_json: bool,
) -> None:
    from paddock.cli.options import connect
    from paddock.cli.output.renewal_flow import check_renewals, update_all

    if only_checks:
        check_renewals(files, model, as_json=as_json)
    else:
        update_all(files, model, connect(url, key), rate=rate, as_json=as_json)


def _daemon(url: str, key: str | None) -> KnownDaemon | None:
    """What a running daemon knows; None where none answers, or not to us."""
    from paddock.api.client import Client
    from paddock.cli.offline.pulling import KnownDaemon

    client = Client(url, key, timeout=_ANSWER_SECONDS)
    try:
        return KnownDaemon(client.status(), client.models())
    except PaddockError:
        return None
