"""Work that a hanging disk may hold for ever, in threads that nobody ever waits for at the end.

`asyncio.to_thread` shares a few threads among all, and the program's end waits for each of them.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


class Aside:
    """At most so many threads at once."""

    def __init__(self, most: int) -> None:
        self._free = most

    async def run(self, work: Callable[[], T]) -> T | None:
        """What it gives, or raises; None, and nothing is done, where all threads are taken."""
        if not self._free:
            return None
        self._free -= 1
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def settle(result: T | None, error: BaseException | None) -> None:
            self._free += 1
            if future.done():
                return  # nobody waits for it any more
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)  # type: ignore[arg-type]  # None where T has it

        def thread() -> None:
            result, error = None, None
            try:
                result = work()
            except BaseException as raised:  # noqa: BLE001  # it is raised where it is waited for
                error = raised
            with suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(settle, result, error)

        threading.Thread(target=thread, name="aside", daemon=True).start()
        return await future
