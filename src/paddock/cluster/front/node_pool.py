"""Connections to one node's daemon over TCP, kept for the next request as those to an instance are."""

import asyncio
import socket
import struct
from ssl import SSLContext, SSLError
from urllib.parse import urlsplit

from paddock.config.addresses import is_loopback
from paddock.http.tls import why_not
from paddock.llama.link import Link
from paddock.llama.pool import Pool

_CONNECT = 2.0  # seconds: a machine that is gone answers nothing at all
# Whatever is closed is given up: a plain end would let the node wait half a second for who may still read.
_RESET = struct.pack("ii", 1, 0)
_PORTS = {"http": 80, "https": 443}


class NodePool(Pool):
    """As `Pool` is; raises OSError (a TimeoutError too) where the node cannot be reached."""

    idle = 60.0  # seconds; a daemon closes a connection that was idle for three minutes (`idle-timeout`)

    def __init__(self, url: str, tls: SSLContext | None = None) -> None:
        """`url`: of its daemon. `tls`: whom to believe; where that is set, a machine without TLS is not asked."""
        super().__init__()
        parts = urlsplit(url)
        self._address = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 80)
        self._tls = (tls or True) if parts.scheme == "https" else None
        self.host = parts.netloc
        self._is_too_open = tls is not None and not self._tls and not is_loopback(self._address[0])

    async def opened(self) -> Link:
        host, port = self._address
        if self._is_too_open:
            raise ConnectionError("it serves the front without TLS, and tls-ca is set here")
        try:
            async with asyncio.timeout(_CONNECT):
                transport, link = await self.loop.create_connection(
                    lambda: Link(self), host, port, ssl=self._tls
                )
        except SSLError as error:
            raise ConnectionError(why_not(error)) from error
        if (sock := transport.get_extra_info("socket")) is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        return link
