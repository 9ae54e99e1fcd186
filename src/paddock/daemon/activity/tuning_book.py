"""The study that runs, for whoever shows it, and what is loaded meanwhile."""

from paddock.api.tunings import TuningNow


class TuningBook:
    """`now` is None while none runs; `Tunings` alone writes it."""

    def __init__(self) -> None:
        self.now: TuningNow | None = None
        self._loaded: list[str] = []

    def begin(self, live: list[str]) -> None:
        """A study begins; these profiles are loaded, the one used last at the end."""
        self._loaded = list(live)

    def note_loaded(self, profile: str) -> None:
        """It has become ready."""
        if profile in self._loaded:
            self._loaded.remove(profile)
        self._loaded.append(profile)

    @property
    def loaded(self) -> list[str]:
        """What was loaded as the study began, or since; the newest first."""
        return self._loaded[::-1]
