"""How long requests took, put together from the two lines that a log has of each."""

from paddock.llama.output import Timing

_UNANSWERED = 64  # prompts whose generation never came: of cancelled requests


class Timings:
    """Of one instance."""

    def __init__(self) -> None:
        self._prompts: dict[int, Timing] = {}  # by task, until its generation's line comes

    def take(self, timing: Timing) -> tuple[Timing | None, Timing] | None:
        """The prompt's and the answer's, once a request is over; None: its answer is still to come."""
        if timing.kind == "prompt":
            if len(self._prompts) > _UNANSWERED:
                self._prompts.clear()
            self._prompts[timing.task] = timing
            return None
        return self._prompts.pop(timing.task, None), timing
