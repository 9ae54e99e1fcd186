"""Where an instance is reached, and who is using it at the moment."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from paddock.core.model import InstanceId, ProfileId
from paddock.errors import InstanceHangs, PaddockError, UpstreamGone
from paddock.llama import client


class Endpoint:
    """Where an instance is reached, and who is using it."""

    __slots__ = ("_hung", "_users", "base_url", "gone", "instance", "profile", "session")

    def __init__(self, instance: InstanceId, profile: ProfileId, socket: str) -> None:
        self.instance = instance
        self.profile = profile
        self.base_url = client.BASE_URL
        self.session = client.connect(socket)
        self.gone = False
        self._hung = ""  # how, where it is ended for that
        self._users: set[asyncio.Task[object]] = set()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Use it inside the block. Raises UpstreamGone or InstanceHangs there when it is stopped.

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
                raise self._why() from None
            raise
        finally:
            self._users.discard(task)

    def _why(self) -> PaddockError:
        if self._hung:
            hint = f"it is loaded anew when asked again; its log: paddock logs {self.instance}"
            return InstanceHangs(self._hung, hint=hint)
        return UpstreamGone(f"{self.profile} was stopped in the middle of the reply")

    async def hang_up(self, hung: str = "") -> None:
        """Close every connection to it: llama-server waits for open requests for ever.

        `hung`: what its clients are told of how it hung.
        """
        self.gone, self._hung = True, hung
        for task in self._users:
            task.cancel()
        await self.session.close()
