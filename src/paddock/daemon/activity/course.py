"""How one switch went: its phases in their order, each with its seconds. Pure."""

from paddock.api.switches import PhaseName, SwitchPhase

_MOST = 60  # phases: of a wait behind many others, the rest counts as the last one
_LEAST = 0.0005  # seconds: shorter ones are steps of the program, not of the switch


class Course:
    """Whoever keeps it says what phase begins; times are of one clock."""

    def __init__(self, since: float) -> None:
        self.since = since
        self._ended: list[SwitchPhase] = []
        self._now: tuple[PhaseName, str] | None = None
        self._now_since = since

    def enter(self, name: PhaseName, part: str, now: float) -> None:
        """It is in this phase now; nothing new where it was in it already."""
        if self._now != (name, part) and len(self._ended) < _MOST:
            self._end_phase(now)
            self._now = (name, part)

    def end(self, now: float) -> list[SwitchPhase]:
        """All its phases, which together took the time since it began."""
        self._end_phase(now)
        self._now = None
        return list(self._ended)

    def _end_phase(self, now: float) -> None:
        seconds = now - self._now_since
        if self._now is not None and seconds >= _LEAST:
            name, part = self._now
            self._ended.append(SwitchPhase(name=name, part=part, seconds=round(seconds, 3)))
            self._now_since = now
