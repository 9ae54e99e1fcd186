"""Yielding: all GPUs are left to other programs until somebody resumes.

While it lasts, nothing that needs a GPU is started, what lies on one leaves after its last request,
and what lies in the machine's own memory alone goes on.
"""

from collections.abc import Iterator

from paddock.core.away import Away
from paddock.core.books import Books
from paddock.core.effects import Stop
from paddock.core.events import Asked, Resumed, Yielded
from paddock.core.live import Coming, Ending, Live, Serving
from paddock.core.model import HOST, Cause, Demand, ProfileId

CAUSE = Cause(
    "yielded",
    "the GPUs are yielded to other programs",
    "`paddock resume` ends that; `paddock status` shows until when it lasts",
)


def needs_gpu(demand: Demand) -> bool:
    """Whether any of it lies elsewhere than in the machine's own memory."""
    return any(mib > 0 for device, mib in demand.items() if device != HOST)


def is_held(books: Books, profile: ProfileId) -> bool:
    """Whether it may not be started now, because the GPUs are yielded."""
    spec = books.specs.get(profile)
    return books.away is not None and spec is not None and needs_gpu(spec.demand)


def objection(books: Books, asked: Asked) -> Cause | None:
    """Why it is not let in: a person's switch must say that it means it, and a request may not wait."""
    if not is_held(books, asked.profile) or books.is_up(asked.profile) or asked.force:
        return None
    return CAUSE if asked.insist or books.rules.refuse_while_yielded else None


def note_yielded(books: Books, event: Yielded) -> Iterator[Stop]:
    """From now on; again with `at_once`, who still serves is not waited for."""
    books.away = books.away or Away()
    books.away.note(event.back)
    for live in books.live.values():
        if event.at_once and isinstance(live.state, Serving) and needs_gpu(live.demand):
            if not live.is_going:
                books.away.note([live.profile])
            live.state = Ending()
            yield Stop(live.id, "yielded")


def note_resumed(books: Books, _: Resumed) -> tuple[ProfileId, ...]:
    """Who is to come back; who still drains stays after all."""
    if books.away is None:
        return ()
    back, books.away = tuple(books.away.profiles), None
    for live in books.live.values():
        if isinstance(live.state, Serving) and live.state.yielding:
            live.state.leaving = live.state.yielding = False
    for profile in back:
        if not books.is_up(profile):
            books.ran.pop(profile, None)  # it comes as models.conf says now
    return back


def leave_gpus(books: Books) -> Iterator[Stop]:
    """Whatever lies on a GPU, or is on its way there, leaves."""
    if books.away is None:
        return
    for live in books.live.values():
        if _lies_on_gpu(books, live) and not live.is_going:
            books.away.note([live.profile])
            yield from _leave(live)


def _lies_on_gpu(books: Books, live: Live) -> bool:
    """As measured; while it loads also as planned, since it takes what it finds."""
    is_coming = isinstance(live.state, Coming)
    return needs_gpu(live.demand) or (is_coming and is_held(books, live.profile))


def _leave(live: Live) -> Iterator[Stop]:
    match live.state:
        case Serving() as state:
            state.leaving = state.yielding = True
        case Coming() as state:
            state.cancelled = CAUSE
            yield Stop(live.id, "yielded")
        case Ending():
            pass
