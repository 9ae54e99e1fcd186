"""The Host field, read whole: a name or an address, and perhaps a port (RFC 9110, section 7.2).

What is not wholly that names nobody: RFC 3986 lets a host neither have a user before it nor anything
between its bracket and its port, and no browser sends such a one.
"""

import ipaddress
import re
import socket
from collections.abc import Iterable

# Names that no stranger's name server answers for, besides those that end in `.localhost`.
# By the other two, programs in containers of Docker and Podman reach their host: those engines answer
# for them, so that no page can have either lead to us by its own DNS.
RESERVED = frozenset({"localhost", "host.docker.internal", "host.containers.internal"})

_HOST = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,253})))"
    r"(?::(?P<port>[0-9]{0,5}))?"
)


class OwnHosts:
    """By which names this machine may be asked: any of its addresses, and names that are its own."""

    def __init__(self, *listen: str, allowed: Iterable[str] = ()) -> None:
        """`listen`: `host:port` of our own; `allowed`: what the user adds."""
        own = (*map(_bare, listen), socket.gethostname(), *allowed)
        self._names = RESERVED | {name.lower() for name in own if name}

    def __contains__(self, host: str) -> bool:
        """Whether a Host field of this value means us."""
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        if address := found["v6"]:
            return _is_address(address, 6)
        name = found["name"].lower()
        return name in self._names or name.endswith(".localhost") or _is_address(name, 4)


def _bare(listen: str) -> str:
    return listen.rpartition(":")[0].strip("[]")


def _is_address(text: str, version: int) -> bool:
    """Any: a page that another name server has lead to us says that server's name."""
    try:
        return ipaddress.ip_address(text).version == version
    except ValueError:
        return False
