"""Long work on the event loop, in slices: between two of them everybody else has a turn.

The daemon decides in one thread. What it does for each of thousands of profiles takes microseconds
each, and together more than a client of a ready model should ever wait.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from time import perf_counter
from typing import TypeVar

T = TypeVar("T")
_SLICE = 0.005  # seconds


async def in_turns(items: Iterable[T]) -> AsyncIterator[T]:
    """The items, with a turn for others whenever some milliseconds were spent on them."""
    begun = perf_counter()
    for item in items:
        yield item
        if perf_counter() - begun > _SLICE:
            await asyncio.sleep(0)
            begun = perf_counter()


async def let_go(items: list[T]) -> None:
    """Empty the list, with turns for others: who drops the last hold on thousands of objects frees them."""
    async for _ in in_turns(range(len(items))):
        items.pop()
