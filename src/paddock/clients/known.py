"""All clients, by name."""

from paddock.clients.agents import AGENTS
from paddock.clients.editors import EDITORS
from paddock.clients.others import OTHERS
from paddock.clients.setting import ClientProgram
from paddock.errors import NoSuchThing
from paddock.near import nearest

CLIENTS = {client.name: client for client in (*AGENTS, *EDITORS, *OTHERS)}


def client_named(name: str) -> ClientProgram:
    """By its name, or by that of its program. NoSuchThing names the nearest."""
    for client in CLIENTS.values():
        if name in {client.name, client.program} and name:
            return client
    programs = {client.program: client.name for client in CLIENTS.values() if client.program}
    near = nearest(name, CLIENTS) or programs.get(nearest(name, programs) or "")
    hint = f"did you mean {near}?" if near else f"there are: {', '.join(CLIENTS)}"
    raise NoSuchThing(f"Paddock knows no client {name!r}", hint=hint)
