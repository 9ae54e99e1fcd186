"""One load under observation: what it is compared with, and what its requests measured. Pure."""

from collections import deque
from dataclasses import dataclass, field

from paddock.api.placement import LoadEntry, Plan, Speed, Verdict
from paddock.daemon.instances.instance import Instance
from paddock.llama.output import Timing
from paddock.placement.verify import verdict
from paddock.placement.verify_load import Load, Pace

# Shorter ones are mostly overhead of their start.
_LEAST_GENERATED, _LEAST_PROMPT = 24, 128  # tokens
_STARVED = 0.2  # of a request's time
_LOOK_EVERY = 1.0  # seconds between two looks at what a process has waited
_SAMPLES = 50  # the last ones count


@dataclass(slots=True)
class LoadCase:
    """Opened when a load got ready, closed when its instance has ended."""

    instance: Instance
    load: Load
    plan: Plan | None
    expected: float | None  # the profile's SPEED, tokens/s
    load_id: int | None = None  # None: the history has no entry of it
    last: LoadEntry | None = None
    comparable: list[LoadEntry] = field(default_factory=list)
    generation: deque[float] = field(default_factory=lambda: deque(maxlen=_SAMPLES))
    prompt: deque[float] = field(default_factory=lambda: deque(maxlen=_SAMPLES))
    # Of requests in which others had the CPU: they count only while there are no better ones.
    starved: deque[float] = field(default_factory=lambda: deque(maxlen=_SAMPLES))
    looked_at: float = float("-inf")  # the clock when it was last read what its process has waited
    is_starved: bool = False  # others had the CPU then
    asked_at: tuple[float, float] | None = None  # the clock at its request, and the wait till then
    throttled: set[str] = field(default_factory=set)
    swapped_before: int | None = None  # the machine's counter of pages when it got ready
    was_shared: bool = False
    is_crowded: bool = False  # since its requests began, others work on its devices too
    written_at: float = float("-inf")
    judged_at: float = float("-inf")
    verdict: Verdict | None = None

    def needs_look(self, now: float) -> bool:
        """Whether what its process has waited is to be read anew; not for each of many short requests."""
        return now - self.looked_at >= _LOOK_EVERY

    def asked(self, now: float, waited: float | None) -> None:
        """A request begins; `waited`: seconds that the instance has waited for a CPU so far."""
        self.looked_at = now
        self.asked_at = None if waited is None else (now, waited)

    def take(self, speed: Speed, now: float, waited: float | None) -> None:
        """One more measurement, of the request that ends now."""
        if speed.generation:
            is_starved = self._was_starved(now, waited)
            (self.starved if is_starved else self.generation).append(speed.generation)
        if speed.prompt:
            self.prompt.append(speed.prompt)

    def _was_starved(self, now: float, waited: float | None) -> bool:
        """Whether others had the CPU for much of the time since it was asked; without a new look, as of the last."""
        if self.asked_at is None or waited is None:
            return self.is_starved
        at, before = self.asked_at
        self.is_starved = waited - before > _STARVED * (now - at)
        self.asked(now, waited)
        return self.is_starved

    def judged(self, swapped: int) -> Verdict:
        """Whether it lies and runs as it should. `swapped`: pages read from swap since it got ready."""
        pace = Pace(
            generation=tuple(self.generation or self.starved),
            prompt=tuple(self.prompt),
            throttled=frozenset(self.throttled),
            pages_swapped_in=swapped,
            was_shared=self.was_shared,
            was_starved=bool(self.starved) and not self.generation,
        )
        return verdict(
            self.load,
            self.plan,
            pace,
            last=self.last,
            comparable=self.comparable,
            expected=self.expected,
        )


def measured(prompt: Timing | None, answer: Timing) -> Speed | None:
    """The speeds of one request, tokens/s; None where it was too short to measure any."""
    is_long = answer.tokens >= _LEAST_GENERATED
    reads_long = prompt if prompt and prompt.tokens >= _LEAST_PROMPT else None
    if not is_long and not reads_long:
        return None
    return Speed(
        prompt=reads_long.speed if reads_long else None,
        generation=answer.speed if is_long else None,
    )


def together(before: Speed | None, now: Speed) -> Speed:
    """What one instance's requests measured: a short prompt or answer leaves an earlier figure as it is."""
    if before is None:
        return now
    return Speed(
        prompt=now.prompt if now.prompt is not None else before.prompt,
        generation=now.generation if now.generation is not None else before.generation,
    )
