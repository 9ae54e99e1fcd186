"""A daemon for a verb that needs one: the one that answers, else one that is started, with a word about it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from paddock.api.address import DEFAULT_URL
from paddock.api.client import Client
from paddock.cli.background.start import Order, Running, ensure_running
from paddock.cli.offline.where import usual_url
from paddock.cli.output.terminal import complain

_SILENT = 1.0  # seconds: a start that is as quick as usual needs no clock beside it


def daemon_at(url: str, key: str | None, config: Path | None, *, may_start: bool) -> str:
    """The address of a daemon for this verb. It answers there, if one could be started.

    `config`: the models.conf that it must have; its paddock.toml then says where it is. At an address
    that is not this user's own nothing is started, so that nobody answers there afterwards either.
    Raises DaemonAlreadyRuns where it has another file, and what a start raises.
    """
    order = Order(config=config, key=key)
    is_ours = url in (DEFAULT_URL, usual_url(os.environ))
    where = order.url if config and is_ours else url
    if is_ours and may_start and (config or not Client(where, key).health()):
        started(order)
    return where


def started(order: Order) -> Running:
    """Start it, and say so: where it answers, where its log is, how it is ended."""
    clock = _Clock(order.url, order.files().paths.config)
    try:
        found = ensure_running(order, clock)
    finally:
        clock.stop()
    if found.is_new:
        complain(f"{found}; it goes on in the background, and `paddock stop` ends it")
    return found


@dataclass(slots=True)
class _Clock:
    """A line at the start; on a terminal, the seconds since, in one that is written over."""

    url: str
    config: Path
    _has_begun: bool = False
    _shown: int = field(default=0, init=False)

    def waited(self, seconds: float) -> None:
        if not self._has_begun:
            self._has_begun = True
            complain(f"no daemon answers at {self.url}: starting one on {self.config}")
        if sys.stderr.isatty() and seconds >= _SILENT and int(seconds) != self._shown:
            self._shown = int(seconds)
            print(f"\rit has not answered for {self._shown} s", end="", file=sys.stderr, flush=True)

    def stop(self) -> None:
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
