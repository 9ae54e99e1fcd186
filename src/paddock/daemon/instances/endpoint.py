"""Where an instance is reached, and who is using it at the moment."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from paddock.core.model import InstanceId, ProfileId
from paddock.errors import CutOff, InstanceHangs, PaddockError, UpstreamGone
from paddock.llama import client


class Endpoint:
    """Where an instance is reached, and who is using it."""

    __slots__ = ("_hung", "_users", "_why", "base_url", "gone", "instance", "profile", "session")

    def __init__(self, instance: InstanceId, profile: ProfileId, socket: str) -> None:
        self.instance = instance
        self.profile = profile
        self.base_url = client.BASE_URL
        self.session = client.connect(socket)
        self.gone = False
        self._why: str | None = None  # it was stopped; None: it ended by itself
        self._hung = ""  # how, where it is ended for that
        self._users: set[asyncio.Task[object]] = set()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Use it inside the block. Raises what `stopped` gives there when the instance is stopped.

        aiohttp leaves whoever reads a reply waiting for ever when its session is closed; so each
        user's task is cancelled, and the cancellation is taken back here, as asyncio.timeout does.
        """
        task = asyncio.current_task()
        assert task is not None
        self._users.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if self.gone and task.uncancel() == 0:
                raise self.stopped() from None
            raise
        finally:
            self._users.discard(task)

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
        self.gone, self._why, self._hung = True, why, hung
        for task in self._users:
            task.cancel()
        await self.session.close()
