"""A daemon in the background where none answers yet. Prints nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from paddock.api.client import Client
from paddock.cli.background.process import (
    Watcher,
    end,
    pid_file,
    serve_command,
    spawn,
    wait_for_another,
    wait_healthy,
)
from paddock.cli.offline.files import open_files
from paddock.cli.offline.where import url_of
from paddock.config.paths import daemon_log
from paddock.errors import DaemonAlreadyRuns, PaddockError

if TYPE_CHECKING:
    from paddock.cli.offline.files import Files


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Which daemon is wanted; None: as the files say."""

    config: Path | None = None
    settings: Path | None = None
    models_dir: Path | None = None
    state_dir: Path | None = None
    listen: str | None = None
    engine: str | None = None
    insecure: bool = False
    key: str | None = None  # for asking whether it answers

    @property
    def url(self) -> str:
        """Where the daemon that is wanted answers, from this machine."""
        return _url(self.files().settings.listen)

    def files(self) -> Files:
        return open_files(
            self.config,
            self.settings,
            self.models_dir,
            self.engine,
            self.state_dir,
            self.listen,
            insecure=self.insecure or None,
        )

    def words(self) -> list[str]:
        """The options of `paddock serve` that mean the same from any folder."""
        paths = {
            "--config": self.config,
            "--settings": self.settings,
            "--models-dir": self.models_dir,
            "--state-dir": self.state_dir,
        }
        given = {name: str(path.absolute()) for name, path in paths.items() if path}
        given |= {"--listen": self.listen or "", "--engine": self.engine or ""}
        words = [word for name, value in given.items() if value for word in (name, value)]
        return [*words, "--insecure"] if self.insecure else words


@dataclass(frozen=True, slots=True)
class Running:
    """A daemon that answers."""

    url: str
    pid: int
    log: Path
    is_new: bool  # started just now

    def __str__(self) -> str:
        if self.is_new:
            return f"started at {self.url} (pid {self.pid}), its log: {self.log}"
        return f"already running at {self.url} (pid {self.pid})"


def ensure_running(order: Order, watcher: Watcher | None = None) -> Running:
    """Start the daemon that is wanted, unless it runs. One that does not come to answer is ended again.

    Raises DaemonAlreadyRuns where another one has its address, and PaddockError with the last lines
    of its log where it does not come to answer.
    """
    files = order.files()
    client = Client(_url(files.settings.listen), order.key)
    if client.health():
        return _found(client, files, is_sure=order.config is None)
    files.must_exist()
    state = files.paths.state_dir
    process = spawn(serve_command(*order.words()), state)
    try:
        wait_healthy(process, client, state, watcher)
    except PaddockError:
        if not wait_for_another(client, state, watcher):
            raise
        return _found(client, files, is_sure=order.config is None)
    except BaseException:  # Ctrl-C: nobody uses it yet, and nobody would know of it
        end(process)
        pid_file(state).unlink(missing_ok=True)
        raise
    return Running(client.url, process.pid, daemon_log(state), is_new=True)


def _found(client: Client, files: Files, *, is_sure: bool) -> Running:
    """The one that runs; raises where it is another one than was meant."""
    found = client.status()
    if not is_sure and Path(found.config.path) != files.paths.config:
        raise DaemonAlreadyRuns(
            f"a daemon with another file runs at {client.url}: {found.config.path}",
            hint="stop it with `paddock stop`, or give this one another address with --listen",
        )
    return Running(client.url, found.pid, daemon_log(files.paths.state_dir), is_new=False)


def _url(listen: str) -> str:
    """Where a daemon that listens there can be asked from this machine."""
    if listen.endswith(":0"):
        raise PaddockError("a daemon in the background needs a port that can be found again")
    return url_of(listen)
