"""What is wanted of a profile, and what a measurement says of that. Pure.

A score is a figure of which more is better. Of chat and agent it is the answer's tokens by the seconds of a
whole turn, prompt included: so a faster prompt counts as much as it shortens what a person waits for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from paddock.api.bench import BenchedProfile, DepthFigures, Spread
from paddock.api.tunings import Goal
from paddock.bench.options import BenchOptions
from paddock.bench.spread import spread_of

_SPARE = 16  # tokens that stay free in the context
SLOWEST = 0.9  # for context: of today's generation speed; what is slower does not count


@dataclass(frozen=True, slots=True)
class GoalTurn:
    """What one request is like: `prompt` new tokens and `answer` more; `measured`: of these, in a trial."""

    goal: Goal
    prompt: int
    answer: int
    measured: int

    @property
    def unit(self) -> str:
        return "tokens" if self.goal == "context" else "tokens/s"

    @property
    def is_compared(self) -> bool:
        """Whether the best is measured against today's at the end: a context is counted."""
        return self.goal != "context"

    def in_words(self) -> str:
        """What a score is."""
        turn = f"{self.prompt:,} new tokens and {self.answer} answered"
        match self.goal:
            case "chat" | "agent":
                return f"answer tokens by the seconds of a turn of {turn}"
            case "throughput":
                return "tokens/s of the answers of all streams, by the whole time, prompts included"
            case "context":
                return f"context of a request, as long as it writes at least {SLOWEST:.0%} as fast as today"

    def options(self, repeat: int, context: int | None, slots: int | None) -> BenchOptions:
        """How it is measured; `context`, `slots`: of a request, and of the profile, where they are known."""
        most = None if context is None else max(context - self.measured - _SPARE, 1)
        depth = self.prompt if most is None else min(self.prompt, most)
        streams = (slots or 1,) if self.goal == "throughput" else (1,)
        return BenchOptions(
            repeat=repeat, answer=self.measured, depths=(depth,), streams=streams, loads=1
        )

    def scores(self, found: BenchedProfile) -> Spread | None:
        """The score of each sample; None where nothing was measured."""
        if self.goal == "context":
            return spread_of([float(found.context)] if found.context else [])
        if self.goal == "throughput" and found.streams:
            return found.streams[-1].generation
        row = found.depths[-1] if found.depths else None
        return spread_of(self._turns(row)) if row else None

    def _turns(self, row: DepthFigures) -> Sequence[float | None]:
        if row.generation is None:
            return []
        # The prompt that was measured may be shorter than the turn's; its speed holds for all of it.
        prompts = row.prompt.samples if row.prompt else [None] * len(row.generation.samples)
        return [
            self.answer / (self.answer / written + (self.prompt / read if read else 0.0))
            for read, written in zip(prompts, row.generation.samples, strict=False)
        ]


def turn_of(goal: Goal, sizes: tuple[int, int] | None = None) -> GoalTurn:
    """`sizes`: new tokens and answered ones, in place of the goal's own."""
    usual = TURNS[goal]
    if sizes is None:
        return usual
    prompt, answer = sizes
    return GoalTurn(goal, prompt, answer, min(answer, usual.measured))


TURNS: dict[Goal, GoalTurn] = {
    "chat": GoalTurn("chat", prompt=1024, answer=256, measured=96),
    "agent": GoalTurn("agent", prompt=8192, answer=256, measured=96),
    "throughput": GoalTurn("throughput", prompt=512, answer=96, measured=96),
    "context": GoalTurn("context", prompt=512, answer=64, measured=64),
}
