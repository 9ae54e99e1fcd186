"""What an instance writes: its log, and its states on standard output. Read as far as it was written."""

import asyncio
from collections.abc import AsyncIterator, Iterator

from paddock import excerpt
from paddock.llama.follow import LineFile, Watch, last_lines
from paddock.llama.process import Plumbing

_TAIL_LINES, _TAIL = 200, 64_000  # of its log, to say why it ended: at most so many, and characters
_STATE_LIMIT = 1 << 20  # bytes: its standard output, which nobody reads again
# Bytes of the beginning and of the end of a long log that are read of an instance taken over: where
# its buffers lie, and how it is now.
_HEAD, _END = 1 << 20, 1 << 16


class Output:
    """Two files that grow; the last lines of the log are remembered."""

    def __init__(self, plumbing: Plumbing, *, log_limit: int) -> None:
        """`log_limit`: bytes after which the log is cut."""
        self._states = LineFile(plumbing.state, limit=_STATE_LIMIT)
        self._log = LineFile(plumbing.log, limit=log_limit)
        self.tail = excerpt.LogTail(_TAIL_LINES, _TAIL)

    def open(self) -> None:
        """Hold both open: later there may be no descriptors left. Raises OSError."""
        self._log.open()
        self._states.open()

    def close(self) -> None:
        self._log.close()
        self._states.close()

    def watch(self) -> Watch:
        """Notices that either has grown."""
        return Watch(self._states.path, self._log.path)

    @property
    def offset(self) -> int:
        """How many bytes of the log were read."""
        return self._log.offset

    @property
    def is_behind(self) -> bool:
        """Whether more is there already than was read at once."""
        return self._log.is_behind or self._states.is_behind

    def log_lines(self) -> Iterator[str]:
        """New whole lines of the log."""
        for line in self._log.read():
            self.tail.append(line)
            yield line

    def state_lines(self) -> Iterator[str]:
        """New whole lines of standard output."""
        return self._states.read()

    def unfinished_line(self) -> str:
        """What the log ends with, where its writer came no further."""
        if rest := self._log.rest():
            self.tail.append(rest)
        return rest

    def last_lines(self, count: int) -> list[str]:
        """Of the log: what was read of it, else what the files have."""
        path = self._log.path
        return list(self.tail) or last_lines([path.with_name("log.1"), path], count)

    # ---- from before this daemon ----

    async def past_log_lines(self, *, ends_only: bool) -> AsyncIterator[str]:
        """All lines until now; `ends_only`: of a long log, those at its beginning and its end. Others
        have turns meanwhile."""
        is_behind = True
        while is_behind:
            for line in self.log_lines():
                yield line
            is_behind = self._log.is_behind
            if ends_only and self._log.offset >= _HEAD:
                self._log.skip_to_last(_END)
            await asyncio.sleep(0)

    def past_state_lines(self) -> Iterator[str]:
        return self._states.read_all()
