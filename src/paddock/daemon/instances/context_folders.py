"""The folders of saved contexts in one place, all together bounded. They hold prompts: 0700.

`PLACE/KEY/slot-N.bin`. A file does not say which model it is of, and llama-server takes that of another
with the same shape; so the key is made of the profile, its command line, the engine's build, and the
size and time of every file it names.
"""

import asyncio
import logging
import shutil
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from paddock.config.profile import Profile
from paddock.host.memory import read_memory
from paddock.private import keep_private

_log = logging.getLogger(__name__)
_MIB = 1 << 20
HALF = ".part"  # ends the name of a file that is being written, or tried
_GONE = "gone-"  # begins the name of a folder that is being deleted
_SHARE = 4  # kept contexts take at most this part of the RAM that would be free without them


class ContextFolders:
    """Those on a disk; the oldest go when they take more than `limit` MiB."""

    def __init__(self, root: Path, *, limit: int) -> None:
        self.root, self._limit = root, limit * _MIB
        self._in_use: set[Path] = set()  # running servers were given these

    def prepared(self, profile: Profile, engine_version: str) -> Path | None:
        """The folder for this version of the profile, made; None where the disk is full."""
        folder = self.root / folder_name(profile, engine_version)
        try:
            keep_private(self.root)
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            _log.warning("the context of %s is not kept: %s", profile.id, error)
            return None
        self.take(folder)
        return folder

    def take(self, folder: Path) -> None:
        """A running server was given this one: it stays, however little room there is."""
        self._in_use.add(folder)

    def give_back(self, folder: Path) -> list[Path]:
        """Its server has ended. Folders saved to longest ago go, until the rest is small enough.

        They are out of the way when this returns, so that a new server may be given the same name;
        to delete them is left to a thread, as many GB take their time.
        """
        self._in_use.discard(folder)
        self.remove_halves()
        gone = list(self.root.glob(f"{_GONE}*"))  # a daemon that was killed may have left some
        room = self.limit
        with suppress(OSError):
            for found in sorted(self._folders(), key=saved_at, reverse=True):
                size = sum(file.stat().st_size for file in found.iterdir())
                room -= size
                if found not in self._in_use and (room < 0 or not size):
                    gone.append(found.rename(self.root / f"{_GONE}{uuid4().hex}"))
        return gone

    def remove_halves(self) -> None:
        """Delete what was being written by servers that are no more."""
        for half in self.root.glob(f"*/*{HALF}"):
            if half.parent not in self._in_use:
                with suppress(OSError):
                    half.unlink()

    async def make_room(self, folder: Path, size: int, *, replaces: Path | None = None) -> bool:
        """Whether so many bytes more may be written to this folder; not where the disk is nearly full.

        `replaces`: the file that goes when the new one is whole.
        """
        return shutil.disk_usage(folder).free >= 2 * size

    def saved(self) -> list[tuple[Path, list[Path]]]:
        """The folders that hold something, each with its files. Blocking."""
        with suppress(OSError):
            found = [(folder, list(folder.glob("*.bin"))) for folder in self._folders()]
            return [(folder, files) for folder, files in found if files]
        return []

    def forget(self, name: str) -> bool:
        """Delete all that this folder holds; False where there is none of that name. Blocking.

        A folder that a running server was given stays, empty: it may save again.
        """
        found = next((folder for folder, _ in self.saved() if folder.name == name), None)
        if found is None:
            return False
        _delete(list(found.glob("*.bin")))
        if found not in self._in_use:
            shutil.rmtree(found, ignore_errors=True)
        return True

    @property
    def limit(self) -> int:
        """Bytes of all together."""
        return self._limit

    def _folders(self) -> list[Path]:
        return [entry for entry in self.root.iterdir() if not entry.name.startswith(_GONE)]


class RamFolders(ContextFolders):
    """Those in RAM: they make room for what is newer, and for whoever else needs the RAM."""

    def __init__(self, root: Path, *, limit: int, margin: int) -> None:
        """`limit`: MiB of all together at most; `margin`: MiB of RAM that stay free beside them."""
        super().__init__(root, limit=limit)
        self._margin = margin * _MIB

    @property
    def limit(self) -> int:
        """Also a part of the RAM that would be free without them, less what is to stay free: they are
        never what makes a machine swap."""
        free, taken = _free(), self._taken()
        return max(min(self._limit, (free + taken) // _SHARE, free + taken - self._margin), 0)

    async def make_room(self, folder: Path, size: int, *, replaces: Path | None = None) -> bool:
        """So that so many bytes more fit: what was saved longest ago goes. A full tmpfs is no error.

        What this folder holds stays until the new file is whole, but for the file that it replaces
        where both can never lie there together. Where it cannot lie there alone, nothing is deleted.
        """
        bound = min(self.limit, shutil.disk_usage(self.root).total)
        staying = sum(size_of(file) for file in self._files() if file.parent == folder)
        if staying + size > bound:
            if replaces is None or staying - size_of(replaces) + size > bound:
                return False
            await asyncio.to_thread(_delete, [replaces])
        await self._shrink(self.limit - size, but=folder)
        there = min(self.limit - self._taken(), shutil.disk_usage(self.root).free)
        return there >= size

    @property
    def taken_mib(self) -> int:
        """MiB of RAM that it takes now."""
        return self._taken() // _MIB

    async def leave_ram(self, mib: int, *, but: Path | None) -> None:
        """So many MiB of RAM are about to be taken: what stands in the way goes, the oldest first.

        `but`: a folder that keeps its own.
        """
        lack = mib * _MIB + self._margin - _free()
        if lack > 0 and (taken := self._taken()):
            await self._shrink(taken - lack, but=but)

    async def trim(self) -> None:
        """Others have taken RAM meanwhile: what was saved longest ago goes."""
        if self._taken() > self.limit:
            await self._shrink(self.limit)

    async def _shrink(self, to: int, *, but: Path | None = None) -> None:
        """Delete the oldest until all take no more bytes than this; `but`: a folder that keeps its own."""
        taken, doomed = self._taken(), list[Path]()
        for file in sorted(self._files(), key=saved_at):
            if taken <= to:
                break
            if file.parent != but:
                taken -= size_of(file)
                doomed.append(file)
        await asyncio.to_thread(_delete, doomed)

    def _taken(self) -> int:
        return sum(map(size_of, self._files()))

    def _files(self) -> list[Path]:
        return list(self.root.glob("*/*.bin"))


def saved_at(path: Path) -> float:
    """Seconds; 0 where it is gone."""
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0


def size_of(file: Path) -> int:
    """Bytes; 0 where it is gone."""
    with suppress(OSError):
        return file.stat().st_size
    return 0


def _delete(files: Sequence[Path]) -> None:
    for file in files:
        _log.info("a saved context is deleted: %s", file)
        file.unlink(missing_ok=True)


def _free() -> int:
    """Bytes of RAM that can be taken without swapping; 0 where that is not known."""
    return (read_memory().available_mib or 0) * _MIB


def folder_name(profile: Profile, engine_version: str) -> str:
    """Of the folder of this version of the profile. Looks at the files that its command line names."""
    words = [profile.id, profile.fingerprint, engine_version]
    for word in profile.argv:
        if word.startswith("/"):
            with suppress(OSError):
                facts = Path(word).stat()
                words += [word, str(facts.st_size), str(facts.st_mtime_ns)]
    return sha256("\0".join(words).encode()).hexdigest()[:16]
