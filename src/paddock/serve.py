"""The one page where real things are put together: options -> a running daemon."""

import asyncio
import logging
import os
import resource
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import (
    AbstractContextManager,
    ExitStack,
    asynccontextmanager,
    closing,
    contextmanager,
)
from dataclasses import dataclass
from pathlib import Path

import msgspec

from paddock.config.keys import read_keys
from paddock.config.paths import keys_file, paths
from paddock.config.settings import Paths, Settings, load_settings
from paddock.daemon import collector, heap
from paddock.daemon.configuration import SettingsSource
from paddock.daemon.daemon import Daemon
from paddock.daemon.lock import alone
from paddock.errors import ConfigError, ungrouped
from paddock.handover import inherited, offer
from paddock.host.ram_folder import ram_folder
from paddock.http.door import RESERVE
from paddock.http.server import (
    WRAPPER_CLIENTS,
    bind,
    build_app,
    claimed,
    host_port,
    node_app,
    serving,
    wrapper_app,
)
from paddock.http.tls import shown

_log = logging.getLogger(__name__)
_FILES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """What the command line says; None: the settings file's, or the default."""

    config: Path | None = None
    settings: Path | None = None
    models_dir: Path | None = None
    state_dir: Path | None = None
    listen: str | None = None
    engine: str | None = None
    insecure: bool = False

    def read(self) -> Settings:
        """The settings as their file says now. Raises ConfigError."""
        return resolve(self)[1]


def resolve(options: ServeOptions) -> tuple[Paths, Settings]:
    """Where things lie and what is set. Raises ConfigError."""
    found = paths(options.config, options.models_dir, options.state_dir, os.environ)
    overrides = {
        "listen": options.listen,
        "engine": options.engine,
        "insecure": options.insecure or None,
    }
    if options.settings and not options.settings.exists():
        raise ConfigError(f"there is no settings file {options.settings}")
    found = msgspec.structs.replace(found, settings=options.settings or found.settings)
    is_keyed = bool(read_keys(keys_file(found.state_dir)))
    settings = load_settings(found.settings, overrides, is_keyed=is_keyed)
    if settings.models_dir and not options.models_dir:
        folder = found.config.parent / Path(settings.models_dir).expanduser()
        found = msgspec.structs.replace(found, models_dir=folder)
    return found, settings


async def serve(options: ServeOptions) -> None:
    """Be the daemon until a signal or `POST /shutdown` ends it.

    Raises ConfigError, EngineError or DaemonAlreadyRuns, and OSError for an address that is taken;
    then no model that ran before has been touched.
    """
    where, settings = resolve(options)
    _allow_many_files()
    heap.share()
    with alone(where.state_dir):
        where = msgspec.structs.replace(where, ram_dir=ram_folder(where.state_dir, os.environ))
        async with running(where, settings, source=options) as daemon:
            collector.calm()
            _log.info("paddock answers at http://%s", daemon.listen[0])
            await daemon.ended()


async def serve_cluster(options: ServeOptions, address: str) -> None:
    """Be the front of the machines of a cluster until a signal or `POST /shutdown` ends it.

    An ordinary daemon may run on the same state folder: it is this machine's, and the front a lock beside it.
    Raises ConfigError, DaemonAlreadyRuns, ClusterMissing, ClusterDiffers and NoCluster, and OSError for an address that is taken.
    """
    # Not above: what only the front needs is no weight of each daemon.
    from paddock.cluster.front.app import fronting
    from paddock.cluster.membership.ray_membership import RayMembership

    where, settings = resolve(options)
    _allow_many_files()
    heap.share()
    with alone(where.state_dir, "front.lock"):
        async with (
            RayMembership.open(where.state_dir, address, settings.cluster) as membership,
            fronting(where, settings, membership) as front,
        ):
            collector.calm()
            with _ended_by_signals(front.shut_down):
                _log.info("paddock answers at http://%s", front.listen[0])
                await front.ended()


@asynccontextmanager
async def running(
    where: Paths, settings: Settings, *, source: SettingsSource | None = None
) -> AsyncIterator[Daemon]:
    """A daemon and its HTTP server inside the block.

    The address is bound before instances are touched, so that one that is taken costs nothing;
    it answers once they have been taken over. Raises what `Daemon.open` does, and OSError.
    """
    with _bound(settings) as (bound, wrappers), _bound_tls(settings) as fronts:
        tls = shown(settings.cluster, where.settings.parent) if fronts else None
        listen = [host_port(one.getsockname()) for one in bound]
        daemon = await Daemon.open(where, settings, listen=listen, source=source)
        app = build_app(daemon)
        async with (
            _alive(daemon),
            serving(app, *bound, reserve=RESERVE + WRAPPER_CLIENTS * len(wrappers)),
            serving(wrapper_app(app), *wrappers, most=WRAPPER_CLIENTS),
            serving(node_app(app), *fronts, tls=tls, reserve=RESERVE),
        ):
            for one in fronts:
                _log.info("fronts are served at https://%s", host_port(one.getsockname()))
            for one in wrappers:
                name = host_port(one.getsockname())
                _log.info("a wrapper's /models, /status and /switch are at http://%s", name)
            yield daemon
            daemon.bus.close()
            if daemon.keeps and offer(where.state_dir, (*bound, *wrappers)):
                _log.info("the next daemon gets the listening sockets: nobody is refused meanwhile")


@asynccontextmanager
async def _alive(daemon: Daemon) -> AsyncIterator[None]:
    """It runs inside the block, from its having taken over what lived before."""
    with _signals(daemon), ungrouped():
        async with asyncio.TaskGroup() as group:
            started = asyncio.Event()
            group.create_task(daemon.run(started))
            await started.wait()
            try:
                yield
            finally:
                daemon.shut_down()
                await daemon.ended()


def _allow_many_files() -> None:
    """Raise the soft limit of open files: 1,024 are soon taken by connections.

    Not without bound: some programs that we start close every number up to the limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextmanager
def _bound(settings: Settings) -> Iterator[tuple[list[socket.socket], list[socket.socket]]]:
    """The sockets to serve on: the address with Ollama's port beside it, and a wrapper's port; each as far as it is wanted."""
    host = settings.listen.rpartition(":")[0]
    ours = [settings.listen, *_beside(host, settings.ollama_port)]
    with ExitStack() as stack:
        left = stack.enter_context(inherited())
        bound, wrappers = (
            [stack.enter_context(closing(_bind(listen, left))) for listen in wanted]
            for wanted in (ours, _beside(host, settings.wrapper_port))
        )
        yield bound, wrappers


@contextmanager
def _bound_tls(settings: Settings) -> Iterator[list[socket.socket]]:
    """The socket for fronts, where there is to be one. No earlier daemon leaves it: fronts ask again."""
    listen = settings.cluster.tls_listen
    with ExitStack() as stack:
        yield [stack.enter_context(closing(_bind(listen, [])))] if listen else []


def _beside(host: str, port: int) -> list[str]:
    return [f"{host}:{port}"] if port else []


def _bind(listen: str, left: list[socket.socket]) -> socket.socket:
    """`left`: what an earlier daemon left, of which that for this address is taken."""
    try:
        return claimed(listen, left) or bind(listen)
    except OSError as error:
        error.filename = listen  # so that it is said which of them
        raise


def _signals(daemon: Daemon) -> AbstractContextManager[None]:
    """Ctrl-C and SIGTERM end it with its models, SIGHUP reads models.conf again."""
    return _ended_by_signals(daemon.shut_down, {signal.SIGHUP: daemon.reload_soon})


@contextmanager
def _ended_by_signals(
    end: Callable[[], None], others: Mapping[signal.Signals, Callable[[], None]] | None = None
) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    orders = {signal.SIGINT: end, signal.SIGTERM: end, **(others or {})}
    for number, order in orders.items():
        loop.add_signal_handler(number, order)
    try:
        yield
    finally:
        for number in orders:
            loop.remove_signal_handler(number)


__all__ = ["ConfigError", "ServeOptions", "resolve", "running", "serve"]
