"""`paddock bench`: what profiles can do on this machine, measured, kept and compared."""

from __future__ import annotations

import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paddock.api.address import DEFAULT_URL
from paddock.cli.options import Json, Key, Url, connect, profile_names
from paddock.cli.output.bench import (
    Form,
    StepLines,
    must_be_writable,
    show_comparison,
    show_run,
    show_runs,
)
from paddock.errors import BadRequest, UnknownModel

if TYPE_CHECKING:
    from paddock.api.bench import BenchRun
    from paddock.api.client import Client
    from paddock.api.types import ProfileInfo
    from paddock.bench.options import BenchOptions

EXAMPLE = "Example: paddock bench 'qwen-*' --html qwen.html. Or: paddock bench --compare 3 5"
Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[PROFILES]",
        help="Names or patterns (`bench-*`); without one, all listed profiles. With --compare: one or two runs.",
        autocompletion=profile_names,
        show_default=False,
    ),
]
List = Annotated[bool, typer.Option("--list", help="List the runs that are kept.")]
Show = Annotated[
    str | None,
    typer.Option(
        "--show", metavar="RUN", help="Show this run (its number, or `last`).", show_default=False
    ),
]
Compare = Annotated[
    bool,
    typer.Option(
        "--compare", help="Compare the run named first with the second, or with the last one."
    ),
]
Repeat = Annotated[
    int, typer.Option("--repeat", "-r", min=1, max=100, help="Samples of each figure.")
]
Answer = Annotated[
    int,
    typer.Option("--tokens", "-n", min=2, max=100_000, help="Tokens that each request generates."),
]
Depths = Annotated[
    str,
    typer.Option(
        "--depths", metavar="LIST", show_default=False,
        help="Lengths of prompts, such as 512,4k; default: 512, 4k, 16k… up to the context.",
    ),
]  # fmt: skip
Streams = Annotated[
    str,
    typer.Option(
        "--streams", metavar="LIST", show_default=False,
        help="Streams at once, such as 2,8 (1: none); default: 2, 4… up to the slots.",
    ),
]  # fmt: skip
Loads = Annotated[int, typer.Option("--loads", min=1, max=50, help="Loads of each profile.")]
Cold = Annotated[
    int,
    typer.Option(
        "--cold", min=0, max=50, help="Loads before them with the files out of the page cache."
    ),
]
Wait = Annotated[
    str,
    typer.Option(
        "--wait", metavar="TIME",
        help="How long other traffic is waited for before a measurement; then it is marked.",
    ),
]  # fmt: skip
Each = Annotated[
    str,
    typer.Option(
        "--each", metavar="COMMAND", show_default=False,
        help="Also run this for each profile; `{model}` and `{url}` stand for its name and the API's address.",
    ),
]  # fmt: skip
Score = Annotated[
    str,
    typer.Option(
        "--score", metavar="REGEX", show_default=False,
        help="The number to take from what COMMAND prints: the last match, its first group.",
    ),
]  # fmt: skip
NoSpeed = Annotated[
    bool, typer.Option("--no-speed", help="Measure no requests: loads, memory and COMMAND.")
]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print Markdown.")]
Html = Annotated[
    Path | None,
    typer.Option(
        "--html", metavar="FILE", show_default=False, help="Also write one page with plots."
    ),
]


def bench(
    names: Names = None,
    show_list: List = False,
    show: Show = None,
    compare: Compare = False,
    repeat: Repeat = 3,
    tokens: Answer = 64,
    depths: Depths = "",
    streams: Streams = "",
    loads: Loads = 1,
    cold: Cold = 0,
    wait: Wait = "5min",
    each: Each = "",
    score: Score = "",
    no_speed: NoSpeed = False,
    markdown: Markdown = False,
    html: Html = None,
    url: Url = DEFAULT_URL,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Measure profiles, one after the other: load time, speed by depth and streams, memory, power.

    Each is loaded anew. Whoever else asks a model comes first: our request is ended and measured again later. Afterwards what ran before runs again. Ctrl-C ends it and keeps what is known. The run is kept in the daemon's history.
    """
    form = Form(as_json=as_json, markdown=markdown, html=html)
    client = connect(url, key)
    if show_list:
        show_runs(client.bench_runs(), as_json=as_json)
    elif show is not None:
        show_run(_run(client, show), form)
    elif compare:
        show_comparison(*_two(client, names or []), form)
    else:
        options = _options(
            repeat, tokens, depths, streams, loads, cold, wait, each, score, no_speed
        )
        _measure(client, names or [], options, form, key)


def _measure(
    client: Client, names: list[str], options: BenchOptions, form: Form, key: str | None
) -> None:
    from paddock.bench.run import Bench

    if form.html:
        must_be_writable(form.html)  # before minutes of measuring, not after them
    profiles = chosen(client.models(), names)
    lines = StepLines()
    try:
        run = Bench(client, options, lines, key=key).measure(profiles)
    finally:
        lines.close()
    show_run(run, form)
    if run.outcome == "interrupted":
        sys.exit(130)
    if any(one.outcome == "failed" for one in run.profiles):
        sys.exit(1)


def chosen(profiles: list[ProfileInfo], names: list[str]) -> list[ProfileInfo]:
    """Those that names and patterns choose, in their order; without one, all that are listed and no variant.

    Raises UnknownModel for one that chooses none.
    """
    if not names:
        listed = [one for one in profiles if not (one.hidden or one.bench or one.variant_of)]
        if not listed:
            raise UnknownModel(
                "there is no listed profile to measure",
                hint="`paddock list --all` lists the others",
            )
        return listed
    found: dict[str, ProfileInfo] = {}
    for name in names:
        fitting = [p for p in profiles if fnmatchcase(p.id, name) or name in p.aliases]
        if not fitting:
            raise UnknownModel(
                f"no profile is called {name!r}", hint="`paddock list --all` lists them"
            )
        found |= {profile.id: profile for profile in fitting}
    return list(found.values())


def _options(
    repeat: int, tokens: int, depths: str, streams: str, loads: int, cold: int, wait: str,
    each: str, score: str, no_speed: bool,
) -> BenchOptions:  # fmt: skip
    import shlex
    import shutil

    from paddock.bench.options import BenchOptions
    from paddock.cli.times import lasted

    try:
        command = tuple(shlex.split(each))
    except ValueError as error:
        raise BadRequest(f"--each: {error}") from None
    _check_score(score, command)
    if command and "{" not in command[0] and shutil.which(command[0]) is None:
        raise BadRequest(f"--each: there is no program {command[0]}")
    return BenchOptions(
        repeat=repeat, answer=tokens, loads=loads, cold=cold, command=command, score=score,
        depths=numbers(depths, "--depths"), streams=numbers(streams, "--streams"),
        wait=lasted(wait, "--wait"), speed=not no_speed,
    )  # fmt: skip


def _check_score(score: str, command: tuple[str, ...]) -> None:
    import re

    if score and not command:
        raise BadRequest("--score needs a command to read from", hint="add --each 'COMMAND'")
    try:
        re.compile(score)
    except re.error as error:
        raise BadRequest(f"--score is no regular expression: {error}") from None


def numbers(text: str, option: str) -> tuple[int, ...]:
    """The numbers of `512,4k`. BadRequest, which names the option, for anything else."""
    found = []
    for word in text.replace(",", " ").split():
        digits = word.lower().removesuffix("k")
        if not digits.isascii() or not digits.isdecimal() or len(digits) > 9 or not int(digits):
            raise BadRequest(f"{option} takes numbers such as 512,4k, not {word!r}")
        found.append(int(digits) * (1024 if digits != word.lower() else 1))
    return tuple(found)


# ---- runs that are kept ----


def _run(client: Client, name: str) -> BenchRun:
    if name == "last":
        return client.bench_run(_last(client, 1)[0])
    if not name.isascii() or not name.isdecimal():
        raise BadRequest(
            f"{name!r} is no number of a run", hint="`paddock bench --list` lists them"
        )
    return client.bench_run(int(name))


def _two(client: Client, names: list[str]) -> tuple[BenchRun, BenchRun]:
    """The earlier and the later one. Without a second name it is the last one; without any, the last two."""
    if len(names) > 2:
        raise BadRequest("--compare takes one run or two")
    if len(names) == 2:
        return _run(client, names[0]), _run(client, names[1])
    if not names:
        newest, before = _last(client, 2)
        return client.bench_run(before), client.bench_run(newest)
    return _run(client, names[0]), _run(client, "last")


def _last(client: Client, many: int) -> list[int]:
    runs = client.bench_runs(many)
    if len(runs) < many:
        raise BadRequest("there is nothing to show yet", hint="`paddock bench` measures")
    return [run.id for run in runs]
