"""The logs of instances, those that have ended included, by name."""

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

from paddock.core.model import InstanceId
from paddock.daemon.instance import Instance
from paddock.daemon.records import Records
from paddock.daemon.roster import Roster
from paddock.errors import NoSuchThing
from paddock.llama.follow import Watch


class Logbook:
    """Finds a log by the name of an instance or a profile, and follows it."""

    def __init__(
        self,
        records: Records,
        roster: Roster,
        instances: Callable[[], Mapping[InstanceId, Instance]],
    ) -> None:
        self._records, self._roster, self._instances = records, roster, instances

    def files(self, name: str) -> list[Path]:
        """Of an instance, or of a profile's latest one; oldest first. Raises NoSuchThing."""
        known = self._roster.stable.find(name)
        if files := self._records.log_files(known.id if known else name):
            return files
        raise NoSuchThing(
            f"there is no log of {name!r}", hint="name a profile or an instance of GET /status"
        )

    async def follow(self, name: str) -> AsyncIterator[bytes]:
        """What it gets from now on, until the instance ends."""
        path = self.files(name)[-1]
        live = next((x for x in self._instances().values() if path in x.log_paths), None)
        if live is None:
            return
        watch = Watch(path)
        try:
            async for data in live.follow_log(path, watch):
                yield data
        finally:
            watch.close()
