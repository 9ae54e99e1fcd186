"""Who asks for a profile may wait for it, or is refused at once. Only reads."""

from paddock.core import setbacks, yielding
from paddock.core.books import Books
from paddock.core.events import Asked
from paddock.core.live import Serving
from paddock.core.model import Cause


def objection(books: Books, asked: Asked, now: float) -> Cause | None:
    """Why it is refused at once; None: it may wait."""
    profile = asked.profile
    if books.closing:
        return books.closing
    if profile not in books.specs:
        return Cause("model_not_found", f"there is no profile {profile!r}")
    if (flaw := books.flaws.get(profile)) and _needs_a_load(books, asked) and not asked.force:
        return flaw
    if cause := yielding.objection(books, asked):
        return cause
    if not asked.insist and (cause := setbacks.held_back(books, profile, now)):
        return cause
    queued = sum(1 for waiter in books.waiting.values() if waiter.profile == profile)
    if queued >= books.rules.queue_limit:
        wait = "1 request already waits" if queued == 1 else f"{queued} requests already wait"
        return Cause("queue_full", f"{wait} for {profile}")
    return None


def _needs_a_load(books: Books, asked: Asked) -> bool:
    """Whether another would have to leave, or its own outdated instance, and none is being forced."""
    live = books.live_of(asked.profile)
    if live is None or live.is_going:
        return not books.is_forced(asked.profile)
    return asked.insist and isinstance(live.state, Serving) and books.is_stale(live)
