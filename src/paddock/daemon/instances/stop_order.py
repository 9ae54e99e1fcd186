"""Why an instance is to end, from the moment when somebody wants it to."""

import asyncio

from paddock.core.model import Cause


class StopOrder:
    """Given once, or not at all where it ends by itself."""

    def __init__(self) -> None:
        self.why: str | None = None  # as in the effect `Stop`; None: nobody stopped it
        self.hang: Cause | None = None  # how it hung
        self.is_stalled = False
        self._given = asyncio.Event()

    def stop(self, why: str) -> None:
        """It is not needed any more."""
        self.why = why
        self._given.set()

    def end_stalled(self) -> None:
        """It does not get ready."""
        self.is_stalled = True
        self._given.set()

    def end_hung(self, cause: Cause) -> None:
        """It does not answer: it would not do anything for its end either."""
        self.hang = cause
        self._given.set()

    async def wait(self) -> None:
        """Return when it was given."""
        await self._given.wait()

    @property
    def is_meant(self) -> bool:
        """Whether its end is what somebody wanted."""
        return self.why is not None and not self.is_stalled
