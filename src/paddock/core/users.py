"""Who used an instance, and whether they may come back to it: only for them it is worth sparing."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from paddock.core.model import UNKNOWN, Asker

_REMEMBERED = 16  # askers; who was here before so many others is known no more
# Seconds. A client sends its next request when it has read the end of an answer, which is a moment
# before we have: what overlaps by less comes one after the other.
_OVERLAP = 0.25
_NEVER = float("-inf")


@dataclass(slots=True)
class Users:
    """When each asker last used an instance, or gave up waiting for its load; the latest comes last."""

    last: dict[Asker, float] = field(default_factory=dict)
    # When the last of those was here of whom nobody knows who they were. One who was forgotten counts
    # as such, so that nobody loses his grace to how many others came, or to how many names one has.
    unknown: float = _NEVER

    def note(self, asker: Asker, now: float) -> None:
        if asker == UNKNOWN:
            self.unknown = max(self.unknown, now)
            return
        self.last.pop(asker, None)
        self.last[asker] = now
        if len(self.last) > _REMEMBERED:
            self.unknown = max(self.unknown, self.last.pop(next(iter(self.last))))

    def missed(self, elsewhere: Mapping[Asker, float]) -> float:
        """When somebody last used it who may come back; minus infinity where nobody may.

        `elsewhere`: since when askers wait for another model. Whoever began to wait after the last
        use has gone on to that model. Who asked for it during the last use does both at once, and
        comes back as another client would.
        """
        staying = (
            last
            for asker, last in self.last.items()
            if elsewhere.get(asker, _NEVER) < last - _OVERLAP
        )
        return max((self.unknown, *staying))
