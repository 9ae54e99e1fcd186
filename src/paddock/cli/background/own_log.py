"""The file that a daemon in the background writes to, begun anew when it is long."""

import os
from contextlib import suppress
from pathlib import Path

from paddock.private import open_private


class OwnLog:
    """`daemon.log`, where our stderr is that file; the one before stays as `daemon.log.1`.

    Both together hold twice `limit` bytes, however long the daemon runs.
    """

    def __init__(self, file: Path, limit: int) -> None:
        self._file, self._limit = file, limit

    def turn_if_long(self) -> None:
        """Have stdout and stderr go on in a new file, if this one is long. What was written stays."""
        with suppress(OSError):  # a full disk: the old one grows on
            facts = os.fstat(2)
            if facts.st_size > self._limit and os.path.samestat(facts, self._file.stat()):
                self._turn(facts)

    def _turn(self, facts: os.stat_result) -> None:
        self._file.replace(self._file.with_name(f"{self._file.name}.1"))
        new = open_private(self._file)
        for stream in (1, 2):
            if os.path.samestat(os.fstat(stream), facts):
                os.dup2(new, stream)
        os.close(new)
