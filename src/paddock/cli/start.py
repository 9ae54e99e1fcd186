"""`paddock start`: be sure that a daemon runs in the background."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from paddock.cli.options import (
    Config,
    EngineName,
    Insecure,
    Key,
    Listen,
    ModelsDir,
    SettingsFile,
    StateDir,
    connect,
)
from paddock.errors import DaemonAlreadyRuns, PaddockError

if TYPE_CHECKING:
    from paddock.api.client import Client
    from paddock.cli.files import Files

EXAMPLE = "Example: paddock start --config ~/models/models.conf"


def start(
    config: Config = None,
    settings: SettingsFile = None,
    models_dir: ModelsDir = None,
    listen: Listen = None,
    state_dir: StateDir = None,
    engine: EngineName = None,
    insecure: Insecure = False,
    key: Key = None,
) -> None:
    """Start the daemon in the background.

    Waits until it answers, and shows the end of its log if it does not. One that runs already is
    left alone.
    """
    from paddock.cli.background import serve_command, spawn, wait_healthy
    from paddock.cli.files import open_files
    from paddock.config.paths import daemon_log

    files = open_files(
        config, settings, models_dir, engine, state_dir, listen, insecure=insecure or None
    )
    client = connect(_url(files.settings.listen), key)
    if client.health():
        _already(client, files, is_sure=config is None)
        return
    files.must_exist()
    given = {
        "--config": config and config.absolute(),
        "--settings": settings and settings.absolute(),
        "--models-dir": models_dir and models_dir.absolute(),
        "--state-dir": state_dir and state_dir.absolute(),
        "--listen": listen,
        "--engine": engine,
    }
    options = [word for name, value in given.items() if value for word in (name, str(value))]
    options += ["--insecure"] if insecure else []
    state = files.paths.state_dir
    process = spawn(serve_command(*options), state)
    wait_healthy(process, client, state)
    print(f"started at {client.url} (pid {process.pid}), its log: {daemon_log(state)}")


def _already(client: Client, files: Files, *, is_sure: bool) -> None:
    """Say that one runs; raise where it is another one than was meant."""
    found = client.status()
    if not is_sure and Path(found.config.path) != files.paths.config:
        raise DaemonAlreadyRuns(
            f"a daemon with another file runs at {client.url}: {found.config.path}",
            hint="stop it with `paddock stop`, or give this one another address with --listen",
        )
    print(f"already running at {client.url} (pid {found.pid})")


def _url(listen: str) -> str:
    """Where a daemon that listens there can be asked from this machine."""
    host, _, port = listen.rpartition(":")
    if port == "0":
        raise PaddockError("a daemon in the background needs a port that can be found again")
    everywhere = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}
    return f"http://{everywhere.get(host, host)}:{port}"
