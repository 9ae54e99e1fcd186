"""One prompt and all that it sets going: the answer's pieces, and the progress of the load before.

The answer comes from the model API, the progress from the daemon's events; both arrive in threads
and come out in one row, so that a verb can draw the bar first and print the text after it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import TYPE_CHECKING

from paddock.errors import PaddockError

if TYPE_CHECKING:
    from paddock.api.chat import AnswerPiece, Api
    from paddock.api.client import Client
    from paddock.api.events import SwitchEnded, SwitchProgress

    Arrival = AnswerPiece | SwitchProgress | SwitchEnded
    Row = SimpleQueue[Arrival | PaddockError | None]

_SUBSCRIBED_SECONDS = 2.0  # a daemon that shows no events is asked all the same


def answered(
    client: Client, model: str, prompt: str, *, api: Api = "openai", max_tokens: int | None = None
) -> Iterator[Arrival]:
    """What the model says, and before it how its load goes, until the answer's end.

    Raises what the model API raises.
    """
    row: Row = SimpleQueue()
    _subscribed(client, model, row).wait(_SUBSCRIBED_SECONDS)
    _in_thread(_collect_answer, client, model, prompt, api, max_tokens, row)
    while (arrival := row.get()) is not None:
        if isinstance(arrival, PaddockError):
            raise arrival
        yield arrival


def _subscribed(client: Client, model: str, row: Row) -> threading.Event:
    """Set once events are heard, or once it is certain that they will not be."""
    ready = threading.Event()
    _in_thread(_collect_progress, client, model, row, ready)
    return ready


def _collect_progress(client: Client, model: str, row: Row, ready: threading.Event) -> None:
    from paddock.api.events import Snapshot, SwitchEnded, SwitchProgress

    try:
        for event in client.events():
            if isinstance(event, Snapshot):
                model = next((p.id for p in event.profiles if model in p.aliases), model)
            ready.set()
            if isinstance(event, SwitchProgress | SwitchEnded) and event.profile == model:
                row.put(event)
            if isinstance(event, SwitchEnded) and event.profile == model:
                return
    except PaddockError:
        pass  # no right to events, or the daemon ended: the answer itself says what matters
    finally:
        ready.set()


def _collect_answer(
    client: Client, model: str, prompt: str, api: Api, max_tokens: int | None, row: Row
) -> None:
    from paddock.api.chat import ask

    try:
        for piece in ask(client, model, prompt, api=api, max_tokens=max_tokens):
            row.put(piece)
        row.put(None)
    except PaddockError as error:
        row.put(error)


def _in_thread(target: Callable[..., None], *args: object) -> None:
    # A daemon thread: it waits for the network, and must not hold the program's end.
    threading.Thread(target=target, args=args, daemon=True).start()
