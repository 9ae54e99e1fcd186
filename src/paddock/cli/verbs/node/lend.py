"""`paddock node lend`: the process that lends this machine's devices, where its settings say so."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Address = Annotated[str, typer.Option("--address", help="Of this machine in the cluster.")]
Port = Annotated[int, typer.Option("--port", help="`rpc-port` of the settings.")]
Program = Annotated[Path, typer.Option("--program", help="llama.cpp's ggml-rpc-server.")]
To = Annotated[list[str], typer.Option("--to", help="An address or a network that is let in.")]


def lend(address: Address, port: Port, program: Program, to: To) -> None:
    """Lend this machine's devices to models on others, until SIGTERM."""
    import psutil

    from paddock.cli.background.log_lines import log_to_stderr
    from paddock.cluster.lending import lend as lend_devices

    log_to_stderr(verbose=False)
    threads = psutil.cpu_count(logical=False) or 1
    lend_devices(address, port, program, to, threads)
