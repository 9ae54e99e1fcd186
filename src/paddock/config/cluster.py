"""`[cluster]` in paddock.toml: which machines of a Ray cluster belong to the stable, and what is known of each."""

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from typing import Any

import msgspec

from paddock.config.addresses import listen_address
from paddock.config.profile import Problem
from paddock.near import nearest

NODE_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_MAC = re.compile(r"[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}")
_MOST_PORT = 65535


class NodeSettings(
    msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, rename="kebab"
):
    """`[cluster.nodes.NAME]`: what the front cannot find out by itself."""

    mac: str = ""  # of the card that wakes it
    sleep: tuple[str, ...] = ()  # the command that lets it sleep, run on the front's machine
    idle: float = 0.0  # seconds without a request until then, 0 = never
    wake_seconds: float = 60.0  # that it takes to wake


class ClusterSettings(
    msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, rename="kebab"
):
    """Every setting with its default."""

    labels: dict[str, str] = {}  # only machines with these labels belong to it
    node_port: int = 8085  # of the daemons that are started on nodes, each at its machine's address
    reserve_gpus: bool = True  # with Ray, while models lie on them
    lend_to: tuple[str, ...] = ()  # addresses and networks that may use its devices by RPC
    rpc_port: int = 8086  # at which it lends them
    nodes: dict[str, NodeSettings] = {}
    tls_listen: str = ""  # where this machine's daemon serves the front by TLS; empty: nowhere
    tls_certificate: str = ""  # its chain, PEM
    tls_key: str = ""  # PEM
    tls_ca: str = ""  # PEM: by whom, or which, the certificates must be that the front believes


def is_node_name(name: str) -> bool:
    """Whether a machine can be called that: Ray takes nothing else as the value of a label."""
    return bool(NODE_NAME.fullmatch(name))


def is_mac(text: str) -> bool:
    """Whether it is the address of a network card."""
    return bool(_MAC.fullmatch(text))


def cluster_problems(value: object, file: str) -> Iterator[Problem]:
    """Everything that is wrong with `[cluster]`."""
    try:
        found = msgspec.convert(value, ClusterSettings)
    except msgspec.ValidationError as error:
        hint = _meant(value) if isinstance(value, Mapping) else ""
        yield Problem("error", f"[cluster] is wrong: {error}", hint, file, key="cluster")
        return
    for message in _wrong_here(found):
        yield Problem("error", message, "", file, key="cluster")
    for message in _wrong_tls(found):
        yield Problem("error", f"[cluster]: {message}", "", file, key="cluster")
    for name, node in found.nodes.items():
        for message in _wrong(name, node):
            yield Problem("error", f"[cluster.nodes.{name}]: {message}", "", file, key="cluster")


def _wrong_here(found: ClusterSettings) -> Iterator[str]:
    for key, port in (("node-port", found.node_port), ("rpc-port", found.rpc_port)):
        if not 1 <= port <= _MOST_PORT:
            yield f"{key} is a port, 1 to {_MOST_PORT}, not {port}"
    for text in found.lend_to:
        if not _is_network(text):
            yield f"lend-to has addresses and networks such as 192.168.1.0/24, not {text!r}"


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _wrong(name: str, node: NodeSettings) -> Iterator[str]:
    if not is_node_name(name):
        yield "a machine's name has letters, digits and . _ - (at most 63, a letter or digit at both ends)"
    if node.mac and not is_mac(node.mac):
        yield f"mac is like 0a:1b:2c:3d:4e:5f, not {node.mac!r}"
    if node.idle < 0 or node.wake_seconds < 0:
        yield "idle and wake-seconds are seconds, 0 or more"
    if node.idle and not node.sleep:
        yield "idle says when it is let sleep, and `sleep` must say by which command"


def _wrong_tls(found: ClusterSettings) -> Iterator[str]:
    """What of `tls-listen` lacks its fellow, or is no address."""
    together = (found.tls_listen, found.tls_certificate, found.tls_key)
    if any(together) and not all(together):
        yield "tls-listen, tls-certificate and tls-key go together"
    if found.tls_listen:
        try:
            _, port = listen_address(found.tls_listen)
        except ValueError as error:
            yield f"tls-listen {error}"
        else:
            if not port:
                yield "tls-listen needs a port: the front asks there"


def _meant(value: Mapping[str, Any]) -> str:
    """The hint about an unknown key: what its writer probably looked for."""
    known = [field.encode_name for field in msgspec.structs.fields(ClusterSettings)]
    for key in value:
        if key not in known and (near := nearest(key, known)):
            return f"did you mean {near!r}?"
    return ""
