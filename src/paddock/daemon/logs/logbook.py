"""The logs of instances, those that have ended included, and the daemon's own, by name."""

import os
from collections.abc import Sequence
from pathlib import Path

from paddock.daemon.instances.records import Record, Records
from paddock.daemon.logs.log_reading import LogReading, Run
from paddock.daemon.profiles.roster import Roster
from paddock.errors import NoSuchThing

DAEMON = "daemon"  # the name of our own log, unless a profile has it
_NAMES = "name a profile or an instance of GET /status"


class Logbook:
    """Finds a log by the name of an instance or a profile."""

    def __init__(self, records: Records, roster: Roster, own: Path) -> None:
        self._records, self._roster = records, roster
        self._own = own

    def read(self, name: str) -> LogReading:
        """Of an instance, of a profile's latest, or our own. Raises NoSuchThing."""
        known = self._roster.stable.find(name)
        if found := self._runs(known.id if known else name):
            return LogReading(lambda: found[-1:])
        if name == DAEMON and not known:
            return LogReading(self._own_log)
        raise NoSuchThing(f"there is no log of {name!r}", hint=_NAMES)

    def read_on(self, name: str | None) -> LogReading:
        """Of all runs of a profile that are kept, and of those to come; None: of everybody.

        Raises NoSuchThing.
        """
        known = self._roster.stable.find(name) if name else None
        if name and not known and not self._runs(name):
            raise NoSuchThing(f"there is no log of {name!r}", hint=_NAMES)
        wanted = known.id if known else name
        return LogReading(lambda: self._runs(wanted), place=self._records.place)

    def _runs(self, name: str | None) -> Sequence[Run]:
        return [self._run(record) for record in self._records.of(name)]

    def _run(self, record: Record) -> Run:
        return Run(
            record.instance,
            record.created,
            self._records.plumbing(record.number).log,
            is_over=lambda: self._records.is_over(record.number),
        )

    def _own_log(self) -> Sequence[Run]:
        """An older daemon may have left the file: it is ours if that is where we write to."""
        try:
            if os.path.samestat(self._own.stat(), os.fstat(2)):
                return [Run(DAEMON, "", self._own, is_over=lambda: False)]
        except OSError:
            pass
        raise NoSuchThing(
            "this daemon keeps no log of its own",
            hint="it writes to where it was started: a terminal, or the journal of its service",
        )
