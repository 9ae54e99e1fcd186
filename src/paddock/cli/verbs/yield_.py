"""`paddock yield` and `paddock resume`: leave all GPUs to other programs, and take them back."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from paddock.api.address import DEFAULT_URL
from paddock.cli.background.child import exit_on_signals, waited_for
from paddock.cli.options import Json, Key, Url, connect
from paddock.cli.output.terminal import complain, print_json
from paddock.cli.output.yielded import lines_of
from paddock.cli.times import lasted
from paddock.errors import NoSuchThing, PaddockError

if TYPE_CHECKING:
    from paddock.api.client import Client
    from paddock.api.yielding import YieldResult

EXAMPLE = "Example: paddock yield --for 2h    Or: paddock yield -- python train.py"
RESUME_EXAMPLE = "Example: paddock resume"
For = Annotated[
    str | None,
    typer.Option(
        "--for",
        metavar="TIME",
        show_default=False,
        help="Resume by itself after that: `90s`, `30min`, `2h`, `1h30m`.",
    ),
]
Now = Annotated[bool, typer.Option("--now", help="Do not wait for running requests.")]
Command = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[-- COMMAND]",
        show_default=False,
        help="Yield while it runs, and resume when it has ended.",
    ),
]


def yield_gpus(
    command: Command = None,
    url: Url = DEFAULT_URL,
    key: Key = None,
    lasting: For = None,
    now: Now = False,
    as_json: Json = False,
) -> None:
    """Leave all GPUs to other programs: a game, a training run, ComfyUI.

    Models on a GPU are unloaded after their running requests; those that hold no GPU memory stay. Requests wait meanwhile, or are refused (`on-yield` in paddock.toml). `paddock resume` ends it, and what ran comes back. With a command it lasts until that has ended; its exit status is passed on.
    """
    client, words = connect(url, key), command or []
    if words and shutil.which(words[0]) is None:
        raise NoSuchThing(f"there is no program {words[0]!r} here")
    order = partial(
        client.yield_gpus, lasted(lasting, "--for") if lasting else None, now=now, by=_by(words)
    )
    if not words:
        _report(order(), as_json=as_json)
        return
    with _resuming(client):
        _report(order(), as_json=as_json)
        status = waited_for(words)
    sys.exit(status)


def resume(url: Url = DEFAULT_URL, key: Key = None, as_json: Json = False) -> None:
    """Take the GPUs back after `paddock yield`; what ran comes back.

    Requests that waited come first. What no longer has room comes when it is asked for.
    """
    client = connect(url, key)
    was_yielded = client.status().yielded is not None
    result = client.resume()
    if as_json:
        print_json(result)
    elif not was_yielded:
        print("the GPUs were not yielded")
    else:
        print(f"the GPUs are Paddock's again{_listed('; coming back: ', result.back)}")


def _by(words: Sequence[str]) -> str:
    return f"`{' '.join(words)}`"[:120] if words else "`paddock yield`"


def _report(result: YieldResult, *, as_json: bool) -> None:
    if as_json:
        print_json(result)
    elif info := result.yielded:
        for line in lines_of(info):
            complain(line)


@contextmanager
def _resuming(client: Client) -> Iterator[None]:
    """Resume at the end of the block, also where a signal ends it; a yield that was there before stays."""
    exit_on_signals()
    is_ours = client.status().yielded is None
    try:
        yield
    except PaddockError:  # it was refused
        is_ours = False
        raise
    finally:
        if is_ours:
            _resumed(client)


def _resumed(client: Client) -> None:
    try:
        client.resume()
    except PaddockError as error:
        complain(f"the GPUs are still yielded: {error.message}; `paddock resume` ends it")


def _listed(before: str, names: Sequence[str]) -> str:
    return f"{before}{', '.join(names)}" if names else ""
