"""`paddock tune`: a profile's flags improved by measurement, shown as evidence, written only when that is wanted."""

from __future__ import annotations

import shlex
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from paddock.api.address import DEFAULT_URL
from paddock.cli.options import (
    Config,
    Json,
    Key,
    MaybeModel,
    ModelsDir,
    SettingsFile,
    Url,
    connect,
)
from paddock.cli.output.tune import TuneLines, show_proposal, show_tuning, show_tunings
from paddock.errors import BadRequest

if TYPE_CHECKING:
    from paddock.api.client import Client
    from paddock.api.tunings import Tuning
    from paddock.cli.offline.files import Files
    from paddock.tuning.study import TuneOptions, TuneProposal

EXAMPLE = "Example: paddock tune qwen-coder --for agent --dry-run; then with --budget 20m, then paddock tune qwen-coder --apply"


class GoalName(StrEnum):
    """What a profile is tuned for."""

    chat = "chat"
    agent = "agent"
    throughput = "throughput"
    context = "context"


For = Annotated[
    GoalName | None,
    typer.Option(
        "--for", show_default=False,
        help="chat: 1k new tokens and an answer. agent: 8k new tokens. throughput: all slots at once. context: the longest, at 90 % of today's speed.",
    ),
]  # fmt: skip
BudgetOption = Annotated[
    str, typer.Option("--budget", metavar="TIME", help="How long it may take, such as 10m.")
]
TrialsOption = Annotated[
    int | None,
    typer.Option("--trials", min=2, max=1000, show_default=False, help="How many trials at most."),
]
Loss = Annotated[
    bool,
    typer.Option("--allow-loss", help="Also try smaller cache types, which cost some quality."),
]
Turn = Annotated[
    str,
    typer.Option(
        "--turn", metavar="NEW,ANSWER", show_default=False,
        help="What a request of yours is like: new tokens of its prompt and tokens answered, such as 4k,300.",
    ),
]  # fmt: skip
Vary = Annotated[
    str,
    typer.Option(
        "--vary", metavar="LIST", show_default=False,
        help="Vary these alone: placement, split, margins, ubatch, threads, load-mode, cache, context, speculative.",
    ),
]  # fmt: skip
New = Annotated[
    bool, typer.Option("--new", help="Begin anew, not where an earlier study broke off.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Begin without a question.")]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Say what it would vary and how long at most; load nothing."),
]
Apply = Annotated[
    bool,
    typer.Option(
        "--apply",
        help="Write what was found into models.conf; without --for what the last study found.",
    ),
]
Undo = Annotated[
    bool, typer.Option("--undo", help="Take back what --apply wrote into models.conf last.")
]
List = Annotated[bool, typer.Option("--list", help="List the studies that are kept.")]
Show = Annotated[
    str | None,
    typer.Option(
        "--show", metavar="STUDY", show_default=False, help="Show this one (its number, or `last`)."
    ),
]
Wait = Annotated[
    str, typer.Option("--wait", metavar="TIME", help="How long other traffic is waited for.")
]


def tune(
    model: MaybeModel = None,
    goal: For = None,
    budget: BudgetOption = "30m",
    trials: TrialsOption = None,
    allow_loss: Loss = False,
    turn: Turn = "",
    vary: Vary = "",
    new: New = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    apply: Apply = False,
    undo: Undo = False,
    show_list: List = False,
    show: Show = None,
    wait: Wait = "5min",
    url: Url = DEFAULT_URL,
    key: Key = None,
    config: Config = None,
    settings: SettingsFile = None,
    models_dir: ModelsDir = None,
    as_json: Json = False,
) -> None:
    """Find better flags for a profile, by real loads and measurements; plans rule out most of them unloaded.

    Whoever asks a model meanwhile comes first; what ran before comes back. Ctrl-C keeps what is known, and the same command goes on with it. Nothing is written without --apply, and nothing that is not beyond the noise; --undo takes it back.
    """
    from paddock.cli.offline.files import open_files

    files = open_files(config, settings, models_dir)
    if undo:
        _undo(files, connect(url, key), _named(model))
    elif show_list:
        show_tunings(connect(url, key).tunings(model), as_json=as_json)
    elif show is not None:
        show_tuning(_kept(connect(url, key), model, show), as_json=as_json)
    elif goal is not None:
        options = _options(goal, budget, trials, turn, vary, wait, allow_loss=allow_loss, anew=new)
        client, name = connect(url, key), _named(model)
        proposal = _proposal(client, name, options)
        if dry_run or not _is_wanted(proposal, yes=yes, as_json=as_json):
            show_proposal(proposal, as_json=as_json) if dry_run else None
            sys.exit(0 if dry_run else 1)
        _tune(client, proposal, options, files, apply=apply, as_json=as_json)
    elif apply:
        client = connect(url, key)
        _apply(files, client, _kept(client, _named(model), "last"))
    else:
        raise BadRequest(
            "say what it is for: --for chat, agent, throughput or context", hint=EXAMPLE
        )


def _named(model: str | None) -> str:
    if model is None:
        raise BadRequest("name a profile", hint=EXAMPLE)
    return model


def _options(
    goal: GoalName, budget: str, trials: int | None, turn: str, vary: str, wait: str, *, allow_loss: bool, anew: bool
) -> TuneOptions:  # fmt: skip
    from paddock.cli.times import lasted
    from paddock.tuning.study import TuneOptions

    return TuneOptions(
        goal=goal.value, budget=lasted(budget, "--budget"), trials=trials, allow_loss=allow_loss,
        only=tuple(vary.replace(",", " ").split()), anew=anew, wait=lasted(wait, "--wait"),
        turn=_turn(turn),
        command=shlex.join(["paddock", *sys.argv[1:]]),
    )  # fmt: skip


def _turn(text: str) -> tuple[int, int] | None:
    """The two numbers of `4k,300`. BadRequest for anything else."""
    if not text:
        return None
    words = [word.strip().lower() for word in text.split(",")]
    found = [
        int(w.removesuffix("k")) * (1024 if w.endswith("k") else 1)
        for w in words
        if w.removesuffix("k").isdecimal()
    ]
    if (
        len(words) != 2
        or len(found) != 2
        or not 0 < found[0] <= 1 << 20
        or not 2 <= found[1] <= 1 << 16
    ):
        raise BadRequest(f"--turn takes two numbers such as 4k,300, not {text!r}")
    return found[0], found[1]


def _proposal(client: Client, name: str, options: TuneOptions) -> TuneProposal:
    import psutil

    from paddock.tuning.optuna_study import library
    from paddock.tuning.study import proposed

    library()  # before anything is loaded
    return proposed(client, name, options, cores=psutil.cpu_count(logical=False) or 1)


def _is_wanted(proposal: TuneProposal, *, yes: bool, as_json: bool) -> bool:
    """Shown first, where somebody looks on."""
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise BadRequest("it loads the profile again and again: --yes says that this is meant", hint="--dry-run says what it would do")  # fmt: skip
    show_proposal(proposal, as_json=False, to_stderr=True)
    return typer.confirm("Begin?", default=True, err=True)


def _tune(
    client: Client, proposal: TuneProposal, options: TuneOptions, files: Files, *, apply: bool, as_json: bool
) -> None:  # fmt: skip
    from paddock.private import keep_private
    from paddock.tuning.study import Study

    keep_private(files.paths.state_dir)
    lines = TuneLines()
    study = Study(client, proposal, options, lines, files.paths.state_dir)
    try:
        found = study.run()
    finally:
        lines.close()
    show_tuning(found, as_json=as_json, resumed=study.resumed)
    if found.outcome == "interrupted":
        sys.exit(130)
    if apply:
        _apply(files, client, found)


def _kept(client: Client, model: str | None, name: str) -> Tuning:
    if name == "last":
        wanted = client.profile(model).profile.id if model else None
        found = client.tunings(wanted, 1).tunings
        if not found:
            raise BadRequest("nothing was tuned yet", hint=EXAMPLE)
        return client.tuning(found[0].id)
    if not name.isascii() or not name.isdecimal():
        raise BadRequest(
            f"{name!r} is no number of a study", hint="`paddock tune --list` lists them"
        )
    return client.tuning(int(name))


# ---- models.conf ----


def _apply(files: Files, client: Client, found: Tuning) -> None:
    from paddock.cli.offline.tuned import applied
    from paddock.cli.output.terminal import complain

    if found.verdict != "better" or not found.changes:
        complain("nothing is written: no change was better beyond the noise")
        return
    _must_be_its_file(files, client)
    written = applied(files, found)
    client.keep_tuning(found)
    for line in written:
        complain(line)


def _undo(files: Files, client: Client, name: str) -> None:
    from paddock.cli.offline.tuned import taken_back
    from paddock.cli.output.terminal import complain

    _must_be_its_file(files, client)
    profile = client.profile(name).profile.id
    number = taken_back(files, profile)
    if number:
        kept = client.tuning(number)
        kept.applied_at = ""
        client.keep_tuning(kept)
    complain(f"[{profile}] is as it was before: {files.paths.config}")


def _must_be_its_file(files: Files, client: Client) -> None:
    """Raise where the daemon has another models.conf than would be written here."""
    theirs = client.status().config.path
    if theirs != str(files.paths.config.absolute()):
        raise BadRequest(
            f"the daemon's file is {theirs}, and {files.paths.config} would be written",
            hint=f"on its machine: --config {theirs}",
        )
