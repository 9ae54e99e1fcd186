"""Lines that anybody can have us write, by asking what is refused: a few of a kind, then their number."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass

# Those about requests before anything is done for them.
WATCHED = frozenset({"paddock.http.server", "aiohttp.server", "asyncio"})
FEW = 20  # lines of a kind
WHILE = 10.0  # seconds
_KINDS = 100  # of one while; further ones share theirs

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Kind:
    """Lines of one logger that differ only in what they are about."""

    began: float  # seconds of the wall clock, which may be set back
    count: int = 0

    @property
    def kept_back(self) -> int:
        return max(0, self.count - FEW)


class Floods(logging.Filter):
    """Lets `FEW` lines of a kind through in a while; the others are counted, and their number is logged."""

    def __init__(self) -> None:
        super().__init__()
        self._kinds: dict[tuple[str, str], _Kind] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this line is written."""
        if record.name not in WATCHED:
            return True
        kind = self._kind(record)
        kind.count += 1
        return kind.count <= FEW

    def _kind(self, record: logging.LogRecord) -> _Kind:
        name = (record.name, str(record.msg))
        if name not in self._kinds and len(self._kinds) >= _KINDS:
            name = (record.name, "others")
        kind = self._kinds.get(name)
        if kind is not None and 0 <= record.created - kind.began < WHILE:
            return kind
        self._end(name, kind)
        return self._begun(name, record.created)

    def _begun(self, name: tuple[str, str], at: float) -> _Kind:
        kind = self._kinds[name] = _Kind(at)
        with suppress(RuntimeError):  # no loop: the next line of this kind ends its while
            asyncio.get_running_loop().call_later(WHILE, self._end, name, kind)
        return kind

    def _end(self, name: tuple[str, str], kind: _Kind | None) -> None:
        """Its while is over: say how many lines were kept back."""
        if kind is None or self._kinds.get(name) is not kind:
            return
        del self._kinds[name]
        if kind.kept_back:
            _log.warning("%d more lines of %s like %r", kind.kept_back, *name)
