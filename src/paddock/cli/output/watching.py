"""`paddock status --watch`: a line whenever something changes, for those without a full terminal."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

from paddock.figures.units import mib
from paddock.tui import reading
from paddock.tui.fold import fold
from paddock.tui.state import View

if TYPE_CHECKING:
    from paddock.api.client import Client

_EVERY = 5.0  # seconds between two lines that differ in numbers alone


def watch(client: Client) -> None:
    """Print until the daemon ends or somebody presses Ctrl-C."""
    view, last, at = View(url=client.url), ("", ""), float("-inf")
    for event in client.events():
        now = time.monotonic()
        view = fold(view, event, now)
        line = models_part(view, now), numbers_part(view)
        if line[0] != last[0] or (line != last and now - at >= _EVERY):
            last, at = line, now
            stamp = datetime.now().astimezone().strftime("%H:%M:%S")
            print(f"{stamp}  {' · '.join(filter(None, line))}", flush=True)


def models_part(view: View, now: float) -> str:
    """What is loaded or on its way, each in a few words."""
    parts = [
        " ".join(filter(None, (row.id, row.state.word, row.verdict.word if row.verdict else "")))
        for row in reading.model_rows(view, now, hidden=True)
        if row.state.word != "unloaded"
    ]
    return ", ".join(parts) or "nothing is loaded"


def numbers_part(view: View) -> str:
    """What is free, and what is being served."""
    free = [f"{d.name} {mib(d.free_mib)} free" for d in view.devices if d.free_mib is not None]
    requests = len(view.requests)
    served = [f"{requests} request{'' if requests == 1 else 's'}"] if requests else []
    return " · ".join([*free, *served])
