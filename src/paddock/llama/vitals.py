"""What a loading server has read and mapped so far, from /proc: progress where it reports none."""

from contextlib import suppress
from pathlib import Path


class Vitals:
    """Looks at one process; numbers are counted from the first look, when nothing is loaded yet."""

    def __init__(self, pid: int) -> None:
        self._proc = Path(f"/proc/{pid}")
        self._last = self._read()
        self._first = self._last

    def follow(self, pid: int) -> None:
        """Look at this process from now on, as if it were the first look."""
        self._proc = Path(f"/proc/{pid}")
        self.rebase()

    def look(self) -> bool:
        """Look again; whether anything moved since the last look."""
        before, self._last = self._last, self._read()
        return self._last != before

    def rebase(self) -> None:
        """Count from here: what was read and mapped so far was the program itself."""
        self._first = self._last = self._read()

    @property
    def mib_loaded(self) -> int:
        """The most that any of the ways of loading shows, in MiB.

        Copying loads show in `rchar`, a cold mmap in `read_bytes`, a warm one in `RssFile`.
        """
        grown = (now - then for now, then in zip(self._last[:3], self._first[:3], strict=True))
        return max(0, *grown) >> 20

    def _read(self) -> tuple[int, int, int, int]:
        io = self._fields("io")
        status = self._fields("status")
        return (
            io.get("rchar", 0),
            io.get("read_bytes", 0),
            status.get("RssFile", 0) << 10,
            status.get("RssAnon", 0) << 10,
        )

    def _fields(self, name: str) -> dict[str, int]:
        fields: dict[str, int] = {}
        with suppress(OSError):
            for line in (self._proc / name).read_text().splitlines():
                key, _, value = line.partition(":")
                words = value.split()
                if words and words[0].isdecimal():
                    fields[key] = int(words[0])
        return fields
