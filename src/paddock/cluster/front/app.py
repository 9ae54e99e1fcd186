"""The front as it runs: its links to the nodes, its keys, its listening sockets."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager, closing, suppress
from functools import partial

from aiohttp import web

from paddock.cluster.front.choosing import HomeChooser
from paddock.cluster.front.front import StableFront, make_metrics
from paddock.cluster.front.homes_looked_at import HomeLooks
from paddock.cluster.front.looking import stray
from paddock.cluster.front.node_link import NodeTimes
from paddock.cluster.front.routes import FRONT_ROUTES
from paddock.cluster.front.sleeping import NodeNights, Sleep
from paddock.cluster.front.stable import NodeStable
from paddock.cluster.node import Membership
from paddock.config.paths import keys_file
from paddock.config.settings import Paths, Settings
from paddock.daemon.keyring import Keyring
from paddock.http.auth import Guard
from paddock.http.content import Store
from paddock.http.door import RESERVE
from paddock.http.receiving import MIB, Receiver
from paddock.http.server import app_of, bind, host_port, serving
from paddock.http.tls import believed
from paddock.private import keep_private

_log = logging.getLogger(__name__)


@asynccontextmanager
async def fronting(
    where: Paths,
    settings: Settings,
    membership: Membership,
    *,
    nights: Mapping[str, NodeNights] | None = None,
    times: NodeTimes | None = None,
) -> AsyncIterator[StableFront]:
    """One address in front of the nodes of a membership, inside the block.

    `nights`: of nodes that may sleep, by their names; None: as the settings say. It keeps nothing but its keys, which are those of a daemon's state folder. Raises OSError for an
    address that is taken, ConfigError where the file of keys, or `tls-ca`, cannot be used.
    """
    with ExitStack() as stack:
        wanted = [settings.listen]
        if settings.ollama_port:
            wanted.append(f"{settings.listen.rpartition(':')[0]}:{settings.ollama_port}")
        bound = [stack.enter_context(closing(bind(listen))) for listen in wanted]
        listen = [host_port(one.getsockname()) for one in bound]
        stable = NodeStable(
            membership,
            listen=listen,
            state_dir=str(where.state_dir),
            times=times or NodeTimes(),
            tls=believed(settings.cluster, where.settings.parent),
        )
        keep_private(folder := where.state_dir / "front")  # bodies that are large lie there
        keyring = Keyring(settings, keys_file(where.state_dir))
        keyring.read()
        chooser = HomeChooser(stable)
        sleep = Sleep(stable, chooser, settings.cluster.nodes if nights is None else nights)
        front = StableFront(
            settings,
            Guard(settings, keyring),
            Receiver(Store(folder, settings.bodies_size * MIB), settings),
            FRONT_ROUTES,
            stable,
            chooser,
            HomeLooks(stable, chooser),
            sleep,
            make_metrics(stable),
            listen,
        )
        async with _running(stable, keyring, sleep), serving(_app(front), *bound, reserve=RESERVE):
            _log.info("the front answers at http://%s", listen[0])
            try:
                yield front
            finally:
                stable.bus.close()


def _app(front: StableFront) -> web.Application:
    return app_of(front, partial(stray, front))


@asynccontextmanager
async def _running(stable: NodeStable, keyring: Keyring, sleep: Sleep) -> AsyncIterator[None]:
    """The nodes are followed, and the keys, and idle nodes are let sleep, inside the block."""
    tasks = [asyncio.ensure_future(part.run()) for part in (stable, keyring, sleep)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
