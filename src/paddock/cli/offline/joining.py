"""What a machine is in a cluster, from the words of `paddock node join`; what is undone when it leaves."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

from paddock.cluster.membership.joined import JoinedNode, file_of
from paddock.cluster.membership.machines import NAME_LABEL
from paddock.config.cluster import is_mac, is_node_name
from paddock.config.keys import read_keys, remove_key
from paddock.config.paths import keys_file
from paddock.config.settings import listen_address
from paddock.errors import BadRequest

_LABEL = re.compile(r"([A-Za-z0-9][\w./-]*)=([A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?)")


def machine_of(
    *,
    head: str,
    name: str,
    labels: Iterable[str],
    mac: str,
    port: int,
    address: str,
    ray: Iterable[str],
    paths: Mapping[str, Path | None],
    engine: str | None,
) -> JoinedNode:
    """What shall be written down. BadRequest where a word cannot be meant."""
    if head:
        must_be_address(head, hint="`paddock node join` on the head says which it is")
    called = name or _host()
    if not is_node_name(called):
        raise BadRequest(
            f"a machine cannot be called {called!r}",
            hint="--name takes letters, digits and . _ - (at most 63, a letter or digit at both ends)",
        )
    if mac and not is_mac(mac):
        raise BadRequest(f"{mac!r} is not the address of a network card", hint="like 0a:1b:2c:3d:4e:5f")  # fmt: skip
    return JoinedNode(
        name=called,
        head=head,
        port=port,
        address=address,
        labels=dict(map(_label, labels)),
        mac=mac.lower().replace("-", ":"),
        engine=engine,
        ray=list(ray),
        **{key: str(path.absolute()) for key, path in paths.items() if path},
    )


def fronts_forgotten(machine: JoinedNode) -> int:
    """Take the keys of fronts away from this machine's daemon; how many there were."""
    file = keys_file(file_of(machine.path("state_dir"), os.environ).parent)
    fronts = [key.name for key in read_keys(file) if key.scope == "node"]
    for name in fronts:
        remove_key(file, name)
    return len(fronts)


def must_be_address(head: str, *, hint: str) -> None:
    """Raise BadRequest where this is no HOST:PORT of a head."""
    try:
        listen_address(head)
    except ValueError as error:
        raise BadRequest(f"the address of the head {error}", hint=hint) from error


def _label(text: str) -> tuple[str, str]:
    found = _LABEL.fullmatch(text)
    if not found or found[1] == NAME_LABEL or found[1].startswith("ray.io/"):
        raise BadRequest(
            f"{text!r} is no label",
            hint="--label KEY=VALUE, of letters, digits and . _ - (a value at most 63)",
        )
    return found[1], found[2]


def _host() -> str:
    return socket.gethostname().split(".")[0]
