"""Contexts that a manager has saved by hand, among those that Paddock saves itself.

`POST /upstream/PROFILE/slots/0?action=save` with `{"filename": "long prompt"}` writes a file beside those
of `keep-context`. It gets a name of ours, so that none of theirs is overwritten, and counts as they do:
all together take `contexts-size` at most. The oldest saved by hand go first.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from paddock.errors import CannotFit

_BEGIN = "hand-"
_MIB = 1 << 20


class HandSaved:
    """Those of one instance, whose server was given this folder."""

    def __init__(self, root: Path, folder: Path, *, limit: int) -> None:
        """`root`: where the folders of all lie; `limit`: MiB of all together."""
        self._root, self._folder, self._limit = root, folder, limit * _MIB

    def name(self, asked: str) -> str:
        """The file's name for what a client calls so."""
        return f"{_BEGIN}{sha256(asked.encode(errors='surrogatepass')).hexdigest()[:32]}.bin"

    @contextmanager
    def saving(self, asked: str) -> Iterator[str]:
        """Have the server write to a file of this name inside the block; it is kept at its end.

        Raises CannotFit there, where there is no room for it.
        """
        kept = self._folder / self.name(asked)
        partial = kept.with_suffix(".part")
        try:
            yield partial.name
            if partial.exists():  # else the server has refused
                partial.chmod(0o600)
                partial.replace(kept)
                self._make_room(kept)
        finally:
            partial.unlink(missing_ok=True)

    def _make_room(self, newest: Path) -> None:
        """Let the oldest saved by hand go until all take no more than they may."""
        for oldest in sorted(self._root.glob(f"*/{_BEGIN}*.bin"), key=_saved_at):
            if oldest != newest and self._taken() > self._limit:
                oldest.unlink(missing_ok=True)
        if self._taken() > self._limit:
            newest.unlink()
            raise CannotFit(
                f"saved contexts would take more than {self._limit // _MIB} MiB",
                hint="contexts-size in paddock.toml sets the limit",
            )

    def _taken(self) -> int:
        """Bytes."""
        return sum(_size(file) for file in self._root.glob("*/*"))


def _saved_at(file: Path) -> float:
    with suppress(FileNotFoundError):
        return file.stat().st_mtime
    return 0.0


def _size(file: Path) -> int:
    with suppress(FileNotFoundError):
        return file.stat().st_size
    return 0
