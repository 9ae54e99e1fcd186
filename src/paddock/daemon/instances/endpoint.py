"""Where an instance is reached, and who is using it at the moment."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MappingProxyType, TracebackType
from typing import Any

from paddock.core.model import InstanceId, ProfileId
from paddock.errors import CutOff, InstanceHangs, PaddockError, UpstreamGone
from paddock.llama import client
from paddock.llama.pool import Pool

NONE: Mapping[str, float] = MappingProxyType({})
READ_OUT = (
    2.0  # seconds for those who only read what it has already said; the next model waits for them
)


class Endpoint:
    """Where an instance is reached, and who is using it."""

    __slots__ = (
        "_hung",
        "_nobody_reads",
        "_readers",
        "_users",
        "_why",
        "base_url",
        "gone",
        "instance",
        "pool",
        "profile",
        "samplers",
        "session",
        "turn",
    )

    def __init__(
        self,
        instance: InstanceId,
        profile: ProfileId,
        socket: str,
        samplers: Mapping[str, float] = NONE,
    ) -> None:
        """`samplers`: what its command line sets, by the requests' words."""
        self.samplers = samplers
        self.instance = instance
        self.profile = profile
        self.base_url = client.BASE_URL
        self.pool = Pool(socket)  # for what is relayed
        self.session = client.connect(socket)  # for what Paddock itself asks
        self.turn = asyncio.Lock()  # for those whom its slots' one pool did not hold together
        self.gone = False
        self._why: str | None = None  # it was stopped; None: it ended by itself
        self._hung = ""  # how, where it is ended for that
        self._users: set[asyncio.Task[object]] = set()
        self._readers: set[asyncio.Task[object]] = set()
        self._nobody_reads = asyncio.Event()

    def in_use(self, task: "asyncio.Task[Any] | None" = None) -> "EndpointUse":
        """Use it inside the block, in this task or the current one.

        Raises what `stopped` gives there when the instance is stopped.
        """
        return EndpointUse(self, self._users, task or asyncio.current_task())

    @contextmanager
    def being_read(self) -> Iterator[None]:
        """Read a reply of it inside the block, without a lease: a stop gives that a moment to end.

        Raises what `stopped` gives there when the instance is stopped.
        """
        self._nobody_reads.clear()
        try:
            with EndpointUse(self, self._readers, asyncio.current_task()):
                yield
        finally:
            if not self._readers:
                self._nobody_reads.set()

    @property
    def is_shared(self) -> bool:
        """Whether several requests use it now."""
        return len(self._users) > 1

    def stopped(self) -> PaddockError:
        """What its users hear once it is gone. Who asks again after an eviction waits for it anew."""
        if self._hung:
            hint = f"it is loaded anew when asked again; its log: paddock logs {self.instance}"
            return InstanceHangs(self._hung, hint=hint)
        if self._why in {None, "evicted"}:
            return UpstreamGone(f"{self.profile} ended in the middle of the reply")
        return CutOff(
            f"{self.profile} was stopped in the middle of the reply ({self._why})",
            hint="a new request loads it again",
        )

    async def hang_up(self, why: str | None = None, *, hung: str = "") -> None:
        """Close every connection to it: llama-server waits for open requests for ever.

        `why`: as in the effect `Stop`, where it was stopped. `hung`: how it hung, where it is
        ended for that.
        """
        if self._readers and not hung:
            with suppress(TimeoutError):
                async with asyncio.timeout(READ_OUT):
                    await self._nobody_reads.wait()
        self.gone, self._why, self._hung = True, why, hung
        for task in self._users | self._readers:
            task.cancel()
        await self.pool.close()
        await self.session.close()


class EndpointUse:
    """One task's use of an endpoint.

    Who reads a reply would hear no more than that it broke off; so each user's task is cancelled, and
    the cancellation is taken back here, as asyncio.timeout does.
    """

    __slots__ = ("_endpoint", "_task", "_users")

    def __init__(
        self,
        endpoint: Endpoint,
        users: set[asyncio.Task[object]],
        task: asyncio.Task[object] | None,
    ) -> None:
        assert task is not None
        self._endpoint, self._users, self._task = endpoint, users, task

    def __enter__(self) -> None:
        self._users.add(self._task)

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._users.discard(self._task)
        is_cancelled = isinstance(error, asyncio.CancelledError)
        if is_cancelled and self._endpoint.gone and self._task.uncancel() == 0:
            raise self._endpoint.stopped() from None
