"""A command that a verb starts and waits for: whichever signal ends the verb, its own end comes after it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def exit_on_signals() -> None:
    """From now on these end this program as `sys.exit` does, so that its blocks clean up."""
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup, for the command too
            signal.signal(number, lambda number, _: sys.exit(128 + number))


def waited_for(words: Sequence[str], env: Mapping[str, str] | None = None) -> int:
    """Run it to its end; its exit status. `env`: variables besides our own.

    Ctrl-C is the command's to hear, and so is the terminal's end; we only wait for it.
    """
    children: list[subprocess.Popen[bytes]] = []
    early: list[int] = []  # what came while the command was being started

    def passed_on(number: int, _: object) -> None:
        if children:
            children[0].send_signal(number)
        else:
            early.append(number)

    # Before it is started: it may be quick, and whoever sees it may end us at once.
    # What is ignored, as under nohup, the command shall ignore, too.
    before = {
        number: signal.signal(number, _left_to_it if number is signal.SIGINT else passed_on)
        for number in ENDING
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        with subprocess.Popen(words, env=os.environ | dict(env or {})) as child:
            children.append(child)
            for number in early:
                child.send_signal(number)
            status = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return status if status >= 0 else 128 - status  # as shells report signals


def _left_to_it(*_: object) -> None:
    """A terminal sends Ctrl-C to the whole group, the command included."""
