"""A request's hold on an instance: asked for, waited for, given back in exactly one place."""

import asyncio
from types import TracebackType
from typing import Protocol

from paddock.api.types import Progress
from paddock.core.model import ProfileId, Ticket
from paddock.daemon.instances.endpoint import Endpoint
from paddock.errors import PaddockError


class Lender(Protocol):
    """Whoever gives leases: the daemon."""

    def give_back(self, lease: "Lease") -> None: ...
    def progress_of(self, profile: ProfileId) -> Progress: ...


class Lease:
    """Use it as a context manager: leaving the block, by end, error or hang-up, gives it back."""

    __slots__ = ("_lender", "_settled", "endpoint", "profile", "refusal", "ticket")

    def __init__(self, lender: Lender, ticket: Ticket, profile: ProfileId) -> None:
        self._lender = lender
        self._settled: asyncio.Future[None] | None = None  # only made for those who must wait
        self.ticket = ticket
        self.profile = profile
        self.endpoint: Endpoint | None = None  # set once granted
        self.refusal: PaddockError | None = None

    @property
    def progress(self) -> Progress:
        """What it waits for now."""
        return self._lender.progress_of(self.profile)

    async def wait(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109  # not an error
        """Whether it is granted within `timeout` seconds. Raises the PaddockError of a refusal."""
        if self.endpoint is None and self.refusal is None:
            self._settled = self._settled or asyncio.get_running_loop().create_future()
            await asyncio.wait([self._settled], timeout=timeout)
        if self.refusal is not None:
            raise self.refusal
        return self.endpoint is not None

    def grant(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._wake()

    def refuse(self, error: PaddockError) -> None:
        self.refusal = error
        self._wake()

    def _wake(self) -> None:
        if self._settled is not None and not self._settled.done():
            self._settled.set_result(None)

    def __enter__(self) -> "Lease":
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._lender.give_back(self)
