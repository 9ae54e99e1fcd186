"""From what a loading server reports to its phase. Pure.

Three sources report one load: the child protocol on standard output, the log, and /proc. The
protocol announces a model with 0.0 before llama.cpp fits it, and may then be silent until 1.0 (on
the CPU with mmap, build 11434); the log says when fitting begins and when loading does.
"""

from paddock.daemon.instances import phase as ph
from paddock.llama.output import StateLine


class Stages:
    """What was heard of one load. It never goes back within a part."""

    def __init__(self) -> None:
        self._announced = False
        self._part = ph.FIRST_PART
        self._has_fractions = False  # whether the engine reports them itself

    def after_state(self, phase: ph.Phase, state: StateLine) -> ph.Phase:
        """The phase after a `loading` line of the child protocol."""
        announced, self._announced = self._announced, True
        if state.fraction == 1.0:
            return ph.Warming()
        if not (state.fraction or announced):
            return phase  # fitting comes first, and the log has both
        if isinstance(phase, ph.Warming) and state.part == self._part:
            return phase  # the log was read first
        self._part = state.part
        self._has_fractions = self._has_fractions or bool(state.fraction)
        before = phase.fraction if isinstance(phase, ph.Loading) and phase.part == state.part else 0
        return ph.Loading(state.part, max(state.fraction or 0, before or 0) or None)

    def after_hint(self, phase: ph.Phase, hint: str | None) -> ph.Phase:
        """The phase after a log line that announces one."""
        if hint == "fitting" and isinstance(phase, ph.Starting):
            return ph.Fitting()
        if hint == "loading" and isinstance(phase, ph.Starting | ph.Fitting):
            return ph.Loading(ph.FIRST_PART)
        return ph.Warming() if hint == "warming" else phase

    def after_look(self, phase: ph.Phase, *, mib_done: int, mib_total: int) -> ph.Phase:
        """The phase after a look at /proc: bytes read and mapped say more than 0 and 1."""
        if not isinstance(phase, ph.Loading) or phase.part != ph.FIRST_PART or self._has_fractions:
            return phase
        seen = min(mib_done / mib_total, 1.0) if mib_total else 0.0
        return ph.Loading(phase.part, seen) if seen > (phase.fraction or 0.0) else phase
