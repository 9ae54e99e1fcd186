"""`paddock serve`: be the daemon, in the foreground."""

from __future__ import annotations

from typing import Annotated

import typer

from paddock.cli.options import (
    Config,
    EngineName,
    Insecure,
    Listen,
    ModelsDir,
    SettingsFile,
    StateDir,
)
from paddock.errors import PaddockError

EXAMPLE = (
    "Example: paddock serve --config models.conf --models-dir ~/models --listen 127.0.0.1:8080"
)
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="HOST:PORT|auto",
        help="Be the front of all machines of this Ray cluster instead: their models at one address.",
        show_default=False,
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log what helps to find a bug.")]


def serve(
    config: Config = None,
    settings: SettingsFile = None,
    models_dir: ModelsDir = None,
    listen: Listen = None,
    state_dir: StateDir = None,
    engine: EngineName = None,
    insecure: Insecure = False,
    cluster: Cluster = None,
    verbose: Verbose = False,
) -> None:
    """Run the daemon in this terminal.

    Ctrl-C ends it. `paddock start` runs it in the background. With --cluster it loads nothing itself: it is the one address of several machines, each with a daemon of its own.
    """
    import uvloop

    from paddock.cli.background.log_lines import log_to_stderr
    from paddock.cli.background.own_log import OwnLog
    from paddock.cli.offline.files import open_files
    from paddock.cli.offline.joining import must_be_address
    from paddock.config.paths import daemon_log
    from paddock.serve import ServeOptions, serve_cluster
    from paddock.serve import serve as serve_forever

    if cluster and cluster != "auto":
        must_be_address(cluster, hint="or `auto`, the cluster that this machine is part of")
    files = open_files(config, settings, state_dir=state_dir)
    own = OwnLog(daemon_log(files.paths.state_dir), files.settings.log_size << 20)
    log_to_stderr(verbose=verbose, own=own)
    if not cluster:
        files.must_exist()
    options = ServeOptions(
        config=config,
        settings=settings,
        models_dir=models_dir,
        state_dir=state_dir,
        listen=listen,
        engine=engine,
        insecure=insecure,
    )
    try:
        uvloop.run(serve_cluster(options, cluster) if cluster else serve_forever(options))
    except OSError as error:
        where = f" at {error.filename}" if error.filename else ""
        raise PaddockError(
            f"cannot serve{where}: {error.strerror or error}",
            hint="another program may have the address; --listen HOST:PORT chooses another "
            "(and ollama-port and wrapper-port in paddock.toml, where these are set)",
        ) from error
