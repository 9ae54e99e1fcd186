"""Notices that a file was written, replaced or removed, however that came about.

What decides which file a path is, is watched: each folder on the way, and each link's. So a folder
that is replaced, a link that is turned and a file that is not there yet are all noticed.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from asyncinotify import Mask

from paddock.file_events import FileEvents, route, state_of

_NAMES = Mask.MOVED_TO | Mask.MOVED_FROM | Mask.DELETE | Mask.CREATE | Mask.ATTRIB
_SETTLE = 0.1  # seconds without a further change: editors write in several steps


async def written(path: Path) -> AsyncIterator[None]:
    """Yields after each change of the file, once it has come to rest."""
    seen = state_of(path)
    while True:
        way = route(path)
        names = {name for _, name in way}
        with FileEvents() as events:
            for folder, _ in way:
                events.add(folder, _NAMES | Mask.CLOSE_WRITE | Mask.ONLYDIR)
            watched = [state_of(folder)[:2] for folder, _ in way]
            while True:
                if state_of(path) != seen:
                    seen = await _at_rest(path, events)
                    yield
                if route(path) != way or watched != [state_of(f)[:2] for f, _ in way]:
                    break  # other folders decide now
                await _next_of(events, names)


async def _next_of(events: FileEvents, names: set[str]) -> None:
    """Return when one of these names may mean something else; other files may come and go."""
    while (change := await events.next()).path is not None:
        if change.path.name in names or change.mask & Mask.IGNORED:
            return


async def _at_rest(path: Path, events: FileEvents) -> tuple[int, ...]:
    """Its state when nothing has happened to it for a moment."""
    seen = state_of(path)
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE):
                while state_of(path) == seen:
                    await events.next()
        if (now := state_of(path)) == seen:
            return seen
        seen = now
