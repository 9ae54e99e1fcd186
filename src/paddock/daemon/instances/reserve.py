"""Room on the disk of the state folder, kept for what must be written: records of instances.

A file of some MiB holds it. On a full disk it is given up, so that an instance that has to be started,
or has ended, can still be written down; and no load begins that would need it while it is missing.
"""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from paddock.errors import StateUnwritable

_T = TypeVar("_T")
_MIB = 8
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Reserve:
    """The file `reserve` in one folder."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "reserve"

    def hold(self) -> None:
        """Have it whole. Raises StateUnwritable where the disk has no room for it."""
        try:
            if not self._is_whole():
                self._fill()
        except OSError as error:
            self.release()
            raise StateUnwritable(
                f"nothing can be loaded: {self._file.parent} cannot be written ({error.strerror})",
                hint=f"free at least {_MIB} MiB there; what is loaded goes on",
            ) from error

    def spend(self, work: Callable[[], _T]) -> _T:
        """Do it; on a full disk, give the reserve up and do it again. Raises OSError as it does."""
        try:
            return work()
        except OSError as error:
            if error.errno not in _FULL:
                raise
        self.release()
        return work()

    def release(self) -> None:
        """Give it up."""
        try:
            self._file.unlink(missing_ok=True)
        except OSError:  # a disk that cannot even be deleted from
            return

    def _is_whole(self) -> bool:
        try:
            facts = self._file.stat()
        except FileNotFoundError:
            return False
        return facts.st_blocks * 512 >= _MIB << 20  # st_blocks counts 512 bytes: inode(7)

    def _fill(self) -> None:
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, _MIB << 20)
        finally:
            os.close(descriptor)
