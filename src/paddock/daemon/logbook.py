"""The logs of instances, those that have ended included, and the daemon's own, by name."""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

from paddock.core.model import InstanceId
from paddock.daemon.instance import Instance
from paddock.daemon.records import Records
from paddock.daemon.roster import Roster
from paddock.errors import NoSuchThing
from paddock.llama.follow import Growth, Watch

DAEMON = "daemon"  # the name of our own log, unless a profile has it


class Logbook:
    """Finds a log by the name of an instance or a profile, and follows it."""

    def __init__(
        self,
        records: Records,
        roster: Roster,
        instances: Callable[[], Mapping[InstanceId, Instance]],
        own: Path,
    ) -> None:
        self._records, self._roster, self._instances = records, roster, instances
        self._own = own

    def files(self, name: str) -> list[Path]:
        """Of an instance, of a profile's latest one, or our own; oldest first. Raises NoSuchThing."""
        known = self._roster.stable.find(name)
        if files := self._records.log_files(known.id if known else name):
            return files
        if name == DAEMON and not known:
            return [self._own_log()]
        raise NoSuchThing(
            f"there is no log of {name!r}", hint="name a profile or an instance of GET /status"
        )

    async def follow(self, name: str) -> AsyncIterator[bytes]:
        """What it gets from now on, until the instance ends; our own for ever."""
        path = self.files(name)[-1]
        if path == self._own:
            async for data in _appended(path):
                yield data
            return
        live = next((x for x in self._instances().values() if path in x.log_paths), None)
        if live is None:
            return
        watch = Watch(path)
        try:
            async for data in live.follow_log(path, watch):
                yield data
        finally:
            watch.close()

    def _own_log(self) -> Path:
        """An older daemon may have left the file: it is ours if that is where we write to."""
        try:
            if os.path.samestat(self._own.stat(), os.fstat(2)):
                return self._own
        except OSError:
            pass
        raise NoSuchThing(
            "this daemon keeps no log of its own",
            hint="it writes to where it was started: a terminal, or the journal of its service",
        )


async def _appended(path: Path) -> AsyncIterator[bytes]:
    watch, growth = Watch(path), Growth(path)
    try:
        while True:
            await watch.changed()
            for data in growth.read():
                yield data
    finally:
        watch.close()
