"""How long the rest of a run takes, by what it has measured so far. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Work:
    """One step that is still to do."""

    prompt_tokens: int = 0
    answer_tokens: int = 0
    loads: int = 0


@dataclass(slots=True)
class BenchPace:
    """How fast a profile is, as far as that is known: tokens/s, and seconds of a load."""

    prompt: float | None = None
    generation: float | None = None
    load: float | None = None

    def seconds(self, work: Work) -> float | None:
        """What this takes; None where nobody knows."""
        parts = (
            _quotient(work.prompt_tokens, self.prompt),
            _quotient(work.answer_tokens, self.generation),
            0.0 if not work.loads else None if self.load is None else work.loads * self.load,
        )
        known = [part for part in parts if part is not None]
        return sum(known) if len(known) == len(parts) else None


@dataclass(slots=True)
class Forecast:
    """What is left of each profile, in the order in which they are measured."""

    paces: dict[str, BenchPace] = field(default_factory=dict)
    left: dict[str, list[Work]] = field(default_factory=dict)

    def plan(self, profile: str, work: Iterable[Work]) -> None:
        """All that is to be done of this profile, in place of what was thought before."""
        self.left[profile] = list(work)

    def done(self, profile: str) -> None:
        """Its next step is done."""
        if steps := self.left.get(profile):
            steps.pop(0)

    def over(self, profile: str) -> None:
        """Nothing more comes of this profile."""
        self.left.pop(profile, None)

    def pace(self, profile: str) -> BenchPace:
        """What is known of its speed, to be corrected by whoever measures."""
        return self.paces.setdefault(profile, BenchPace())

    def seconds(self) -> float | None:
        """The rest of the run; None as long as the speed of one profile is not known at all."""
        times = [
            self.pace(profile).seconds(step)
            for profile, steps in self.left.items()
            for step in steps
        ]
        known = [time for time in times if time is not None]
        return sum(known) if len(known) == len(times) else None


def _quotient(tokens: int, speed: float | None) -> float | None:
    if not tokens:
        return 0.0
    return tokens / speed if speed else None
