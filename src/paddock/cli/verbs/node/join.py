"""`paddock node join`: make this machine part of a cluster, and keep it in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from paddock.cli.options import Config, EngineName, ModelsDir, SettingsFile, StateDir

EXAMPLE = (
    "Example: paddock node join 192.168.1.10:6379 --name desk. "
    "On the first machine: paddock node join"
)
Head = Annotated[
    str | None,
    typer.Argument(
        metavar="HEAD",
        help="HOST:PORT of the machine that is the head; without it this machine becomes the head.",
        show_default=False,
    ),
]
Name = Annotated[
    str,
    typer.Option(
        "--name",
        help="What it is called: `model@NAME`. Default: its host's name.", show_default=False
    ),
]  # fmt: skip
Labels = Annotated[
    list[str] | None,
    typer.Option(
        "--label",
        metavar="KEY=VALUE",
        help="A label, by which \\[cluster] in paddock.toml chooses machines. May be repeated.",
        show_default=False,
    ),
]
Mac = Annotated[
    str,
    typer.Option(
        "--mac",
        metavar="MAC",
        help="Of the network card that wakes it, like 0a:1b:2c:3d:4e:5f.",
        show_default=False,
    ),
]
Port = Annotated[int, typer.Option("--port", help="Of the head, where that is this machine.")]
Address = Annotated[
    str,
    typer.Option(
        "--address",
        metavar="IP",
        help="This machine's address, by which the others reach it; default: as Ray finds it.",
        show_default=False,
    ),
]
RayWords = Annotated[
    list[str] | None,
    typer.Option(
        "--ray",
        metavar="WORD",
        help="A further word for `ray start`: --ray=--num-gpus=1. May be repeated.",
        show_default=False,
    ),
]


def join(
    head: Head = None,
    name: Name = "",
    label: Labels = None,
    mac: Mac = "",
    port: Port = 6379,
    address: Address = "",
    ray: RayWords = None,
    config: Config = None,
    settings: SettingsFile = None,
    models_dir: ModelsDir = None,
    state_dir: StateDir = None,
    engine: EngineName = None,
) -> None:
    """Make this machine part of a stable of many, and keep it in it.

    A process in the background starts Ray, and starts it again when it ends. The front then has this machine's models served by an ordinary daemon, which is started with the files that are named here.
    """
    from paddock.cli.background.node_keeper import address_of, log_of, started
    from paddock.cli.background.node_keeper import running as keeper_of
    from paddock.cli.offline.joining import machine_of
    from paddock.cluster.membership.extra import must_be_installed
    from paddock.errors import DaemonAlreadyRuns

    must_be_installed()
    machine = machine_of(
        head=head or "",
        name=name,
        labels=label or [],
        mac=mac,
        port=port,
        address=address,
        ray=ray or [],
        paths={
            "config": config,
            "settings": settings,
            "models_dir": models_dir,
            "state_dir": state_dir,
        },
        engine=engine,
    )
    if pid := keeper_of(machine):
        raise DaemonAlreadyRuns(
            f"this machine is in a cluster already (pid {pid})",
            hint="`paddock node leave` first, to change anything",
        )
    token = _prepared(machine.head)
    machine.keep()
    pid = started(machine)
    print(f"joined as {machine.name} (pid {pid}); its log: {log_of(machine)}")
    if not machine.head:
        print(f"this machine is the head: `paddock node join {address_of(machine)}` on the others")
        if token:
            print(
                f"which first need a copy of {token}, at the same place and readable by you alone"
            )
        print("then: paddock serve --cluster auto")


def _prepared(head: str) -> Path | None:
    """The file that all other machines need, where this one becomes the head."""
    import os

    from paddock.cluster.membership.keeper import must_have_token

    return None if head else must_have_token(os.environ)
