"""`paddock`: the verbs put together, and the one border where errors become words for people."""

from __future__ import annotations

import errno
import os
import sys
from typing import Annotated

import typer

from paddock.cli.offline.where import look_there, with_url
from paddock.cli.output.terminal import complain, paint
from paddock.cli.output.words import Verbs, print_version
from paddock.cli.verbs import (
    add,
    ask,
    bench,
    cancel,
    check,
    connect,
    dashboard,
    demo,
    doctor,
    engine,
    events,
    history,
    import_,
    init,
    key,
    logs,
    mcp,
    node,
    plan,
    pull,
    remove,
    restart,
    serve,
    show,
    start,
    stats,
    status,
    stop,
    switch,
    top,
    tune,
    unload,
    usage,
    version,
    yield_,
)
from paddock.cli.verbs import list as listing
from paddock.cli.verbs import run as run_client
from paddock.errors import PaddockError, Unauthorized

app = typer.Typer(
    name="paddock",
    cls=Verbs,
    help="Keep a stable of llama.cpp models behind one address, and bring out the one that is asked for.",
    epilog="First steps: paddock demo. Or: paddock check models.conf && paddock start --config models.conf",
    pretty_exceptions_enable=False,  # an unforeseen error shows Python's own traceback
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def paddock(
    version: Annotated[
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None: ...


_DAEMON, _MODELS, _CLIENTS = "The daemon", "Models", "Clients"
_FILES = "Configuration, also without a daemon"

for panel, verb, epilog in (
    (_DAEMON, dashboard.dashboard, dashboard.EXAMPLE),
    (_DAEMON, top.top, top.EXAMPLE),
    (_DAEMON, serve.serve, serve.EXAMPLE),
    (_DAEMON, start.start, start.EXAMPLE),
    (_DAEMON, stop.stop, stop.EXAMPLE),
    (_DAEMON, restart.restart, restart.EXAMPLE),
    (_DAEMON, status.status, status.EXAMPLE),
    (_DAEMON, events.events, events.EXAMPLE),
    (_DAEMON, mcp.mcp, mcp.EXAMPLE),
    (_MODELS, switch.switch, switch.EXAMPLE),
    (_MODELS, ask.ask, ask.EXAMPLE),
    (_MODELS, unload.unload, unload.EXAMPLE),
    (_MODELS, cancel.cancel, cancel.EXAMPLE),
    (_MODELS, yield_.yield_gpus, yield_.EXAMPLE),
    (_MODELS, yield_.resume, yield_.RESUME_EXAMPLE),
    (_MODELS, logs.logs, logs.EXAMPLE),
    (_MODELS, history.history, history.EXAMPLE),
    (_MODELS, stats.stats, stats.EXAMPLE),
    (_MODELS, usage.usage, usage.EXAMPLE),
    (_MODELS, bench.bench, bench.EXAMPLE),
    (_MODELS, tune.tune, tune.EXAMPLE),
    (_CLIENTS, run_client.run, run_client.EXAMPLE),
    (_CLIENTS, connect.connect, connect.EXAMPLE),
    (_FILES, init.init, init.EXAMPLE),
    (_FILES, add.add, add.EXAMPLE),
    (_FILES, pull.pull, pull.EXAMPLE),
    (_FILES, remove.remove, remove.EXAMPLE),
    (_FILES, listing.list_models, listing.EXAMPLE),
    (_FILES, show.show, show.EXAMPLE),
    (_FILES, plan.plan, plan.EXAMPLE),
    (_FILES, check.check, check.EXAMPLE),
    (_FILES, doctor.doctor, doctor.EXAMPLE),
    (_FILES, demo.demo, demo.EXAMPLE),
    (_FILES, version.version, version.EXAMPLE),
):
    name = verb.__name__.removesuffix("_models").removesuffix("_gpus")
    app.command(name, epilog=epilog, rich_help_panel=panel)(verb)

app.add_typer(engine.app, rich_help_panel=_FILES)
app.add_typer(key.app, rich_help_panel=_FILES)
app.add_typer(import_.app, rich_help_panel=_FILES)
app.add_typer(node.app, rich_help_panel=_DAEMON)


_KEY = "PADDOCK_API_KEY in the environment holds it for every verb; or --key"
_FULL = {errno.ENOSPC, errno.EDQUOT}
_OF_THE_MACHINE = _FULL | {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.EISDIR, errno.ENOTDIR, errno.ELOOP,
    errno.ENAMETOOLONG, errno.EMFILE, errno.ENFILE, errno.EFBIG,
}  # fmt: skip


def run() -> None:
    """The program `paddock`: exit status 0, 1 (an error was printed), 2 (usage), 130 (Ctrl-C)."""
    look_there(os.environ)
    try:
        app(sys.argv[1:] or _alone(), prog_name="paddock")  # also as `python -m paddock`
    except PaddockError as error:
        print_error(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output (`| head`) has seen enough
        _silence_stdout()
        sys.exit(0)
    except OSError as error:
        if error.errno not in _OF_THE_MACHINE:
            raise
        print_error(_unusable(error))
        sys.exit(1)


def _unusable(error: OSError) -> PaddockError:
    """What disks and permissions say is no fault of ours, wherever it is met."""
    where = error.filename or "a file"
    hint = "free some space there" if error.errno in _FULL else ""
    return PaddockError(f"{where} cannot be used: {error.strerror}", hint=hint)


def _alone() -> list[str]:
    """What no word at all means: the dashboard for a person, the help for a pipe."""
    return ["dashboard"] if sys.stdin.isatty() and sys.stdout.isatty() else ["--help"]


def print_error(error: PaddockError) -> None:
    """What is wrong, its details indented, and what to do about it."""
    complain(f"{paint('error:', 'red', sys.stderr)} {error.message}")
    for line in error.detail:
        complain(f"    {line}")
    hint = _KEY if isinstance(error, Unauthorized) else error.hint
    if hint:
        complain(f"{paint('hint:', 'cyan', sys.stderr)} {with_url(hint, sys.argv)}")


def _silence_stdout() -> None:
    """Python flushes stdout once more when it ends, and would complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
