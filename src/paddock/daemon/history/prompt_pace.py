"""How fast a profile reads prompts: long ones count for more than short ones, which begin slowly."""

from collections import deque

from paddock.llama.output import Timing

_LAST = 20  # prompts


class PromptPace:
    """Of one profile: what was measured since the daemon began, before that what its history says."""

    def __init__(self, recalled: float | None = None) -> None:
        """`recalled`: tokens/s."""
        self._recalled = recalled
        self._prompts: deque[Timing] = deque(maxlen=_LAST)

    def note(self, prompt: Timing) -> None:
        """A prompt that was read while nobody else was served."""
        self._prompts.append(prompt)

    @property
    def speed(self) -> float | None:
        """Tokens/s; None where nothing is known."""
        seconds = sum(prompt.seconds for prompt in self._prompts)
        tokens = sum(prompt.tokens for prompt in self._prompts)
        return tokens / seconds if seconds > 0 else self._recalled
