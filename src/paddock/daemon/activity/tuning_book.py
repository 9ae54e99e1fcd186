"""The study that runs, for whoever shows it. `Tunings` alone writes here."""

from paddock.api.tunings import TuningNow


class TuningBook:
    """None while none runs."""

    def __init__(self) -> None:
        self.now: TuningNow | None = None
