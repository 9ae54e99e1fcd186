"""When a context is best saved ahead of time, by how long its model was left alone before. Pure.

To save a slot is one task in llama-server's queue: who comes meanwhile waits for it. Saved too early it
keeps the conversation's own next turn waiting, too late whoever wants the model's room. Both have
happened before, after so many seconds; what would have cost them the least is done next time.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

LEAST = 1.0  # idle seconds before anything is saved: most of an agent's turns follow sooner
LONGEST = 5.0  # seconds that a turn may have to wait at the worst
_MOMENTS = (LEAST, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 60.0)
_REMEMBERED = 16


@dataclass(frozen=True, slots=True)
class Rest:
    """So many seconds in which nobody used it, and what ended them."""

    seconds: float
    leaves: bool  # another model needs the room; else: a request of its own


# Until there were others: an agent's turn, two of a person who reads, two changes of the model.
_GUESS = (Rest(0.5, False), Rest(8.0, False), Rest(30.0, False), Rest(10.0, True), Rest(60.0, True))


class Rhythm:
    """The last rests of one model."""

    def __init__(self) -> None:
        self._rests = deque(_GUESS, maxlen=_REMEMBERED)
        self._since: float | None = None  # of the one that lasts; None: none does, or none was seen

    def note_rest(self, since: float) -> None:
        """Nobody has used it since then."""
        self._since = since

    def note_end(self, now: float, *, leaves: bool) -> None:
        """That is over."""
        if self._since is not None:
            self._rests.append(Rest(now - self._since, leaves))
            self._since = None

    def moment(self, save: float) -> float | None:
        """Idle seconds after which to save what takes so many seconds; None: only when it leaves."""
        return best_moment(self._rests, save)


def best_moment(rests: Iterable[Rest], save: float) -> float | None:
    """The earliest of those that would have kept everybody waiting the least, all together."""
    if save > LONGEST:
        return None
    seen = list(rests)
    moments: tuple[float | None, ...] = (*_MOMENTS, None)
    return min(moments, key=lambda moment: sum(waited(rest, moment, save) for rest in seen))


def waited(rest: Rest, moment: float | None, save: float) -> float:
    """Seconds that whoever ended this rest would have waited for a save begun after so many seconds."""
    if moment is None or moment > rest.seconds:
        return save if rest.leaves else 0.0
    return max(moment + save - rest.seconds, 0.0)
