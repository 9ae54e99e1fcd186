"""Contexts that outlive their instance (`keep-context`): saved at its end, there again in the next.

`STATE/contexts/KEY/slot-N.bin`, private to the user: they hold prompts. A file does not say which
model it is of, and llama-server takes that of another with the same shape; so the key is made of the
profile, its command line, the engine's build, and the size and time of every file it names.
"""

import asyncio
import logging
import shutil
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import aiohttp

from paddock.config.profile import Profile
from paddock.daemon.instances.hand_saved import HandSaved
from paddock.llama import client, slots
from paddock.private import keep_private

_log = logging.getLogger(__name__)
_WORTH = 512  # tokens: fewer are read again in a moment, and a probe leaves some 320
_PATIENCE = 30.0  # seconds for all slots of an instance; some GB on an SSD
_ANSWERS = 3.0  # seconds in which a server answers that it lives, whatever it works on
_MIB = 1 << 20
_GONE = "gone-"  # begins the name of a folder that is being deleted
# A server that hangs, is gone or answers as none does; a disk that cannot be written.
_TROUBLE = (TimeoutError, OSError, aiohttp.ClientError, ValueError, LookupError, TypeError)


class Contexts:
    """All that were saved; the oldest go when they take more than `limit` MiB."""

    def __init__(self, state_dir: Path, *, limit: int) -> None:
        self._root, self._limit = state_dir / "contexts", limit * _MIB
        self._in_use: set[Path] = set()  # running servers were given these

    def prepared(self, profile: Profile, engine_version: str) -> Path | None:
        """The folder for this version of the profile, made; None where it keeps none, or the disk is full."""
        if not (self._limit and profile.keeps_context):
            return None
        folder = self._root / _key(profile, engine_version)
        try:
            keep_private(self._root)
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            _log.warning("the context of %s is not kept: %s", profile.id, error)
            return None
        self.take(folder)
        return folder

    def hand_saved(self, folder: str) -> HandSaved | None:
        """Those that are saved by hand to this folder; None for none."""
        limit = self._limit // _MIB
        return HandSaved(self._root, Path(folder), limit=limit) if folder else None

    def take(self, folder: Path) -> None:
        """A running server was given this one: it stays, however little room there is."""
        self._in_use.add(folder)

    def give_back(self, folder: Path) -> list[Path]:
        """Its server has ended. Folders saved to longest ago go, until the rest is small enough.

        They are out of the way when this returns, so that a new server may be given the same name;
        to delete them is left to a thread, as many GB take their time.
        """
        self._in_use.discard(folder)
        gone = list(self._root.glob(f"{_GONE}*"))  # a daemon that was killed may have left some
        room = self._limit
        with suppress(OSError):
            for found in sorted(self._folders(), key=_saved_at, reverse=True):
                size = sum(file.stat().st_size for file in found.iterdir())
                room -= size
                if found not in self._in_use and (room < 0 or not size):
                    gone.append(found.rename(self._root / f"{_GONE}{uuid4().hex}"))
        return gone

    def _folders(self) -> list[Path]:
        return [entry for entry in self._root.iterdir() if not entry.name.startswith(_GONE)]


class SlotStore:
    """The saved contexts of one instance, whose server was given this folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def is_empty(self) -> bool:
        return not self._files()

    async def restore(self, session: aiohttp.ClientSession) -> int:
        """Give them to the server, the newest first; tokens. What goes wrong costs only time."""
        tokens = 0
        with suppress(*_TROUBLE):
            async with asyncio.timeout(_PATIENCE):
                for slot, file in self._files().items():
                    tokens += await self._restore(session, slot, file) or 0
        return tokens

    async def _restore(self, session: aiohttp.ClientSession, slot: int, file: Path) -> int | None:
        partial = _put_aside(file)
        read = await slots.restore(session, slot, partial.name)
        if read is None:
            _log.warning("%s does not fit any more and goes", file)
            partial.unlink(missing_ok=True)
        else:
            partial.replace(file)
        return read

    async def save(self, socket: str, *, needs: float) -> int:
        """Have the server that listens there write what its slots hold, as far as it pays; tokens.

        `needs`: MiB that this takes at most. Slots that nobody used keep what was saved of them.
        """
        tokens = 0
        with suppress(*_TROUBLE):
            if shutil.disk_usage(self._folder).free < 2 * needs * _MIB:
                _log.warning("contexts are not saved: the disk of %s is nearly full", self._folder)
                return 0
            async with asyncio.timeout(_PATIENCE), client.connect(socket) as session:
                if await client.health(session, within=_ANSWERS) == "silent":
                    _log.warning("contexts are not saved: the server of %s hangs", self._folder)
                    return 0
                for slot, held in (await slots.tokens_held(session)).items():
                    if held >= _WORTH:
                        tokens += await self._save(session, slot) or 0
        return tokens

    async def _save(self, session: aiohttp.ClientSession, slot: int) -> int | None:
        partial = self._folder / f"slot-{slot}.part"
        try:
            saved = await slots.save(session, slot, partial.name)
            if saved:
                partial.chmod(0o600)
                partial.replace(partial.with_suffix(".bin"))
            return saved
        finally:
            partial.unlink(missing_ok=True)

    def _files(self) -> dict[int, Path]:
        """By slot, the newest first."""
        with suppress(FileNotFoundError):
            found = sorted(self._folder.glob("slot-*.bin"), key=_saved_at, reverse=True)
            return {int(file.stem.removeprefix("slot-")): file for file in found}
        return {}


def _put_aside(file: Path) -> Path:
    """Its place while it is tried: a file on which a server dies is not tried a second time."""
    return file.replace(file.with_suffix(".part"))


def _saved_at(path: Path) -> float:
    return path.stat().st_mtime


def _key(profile: Profile, engine_version: str) -> str:
    words = [profile.id, profile.fingerprint, engine_version]
    for word in profile.argv:
        if word.startswith("/"):
            with suppress(OSError):
                facts = Path(word).stat()
                words += [word, str(facts.st_size), str(facts.st_mtime_ns)]
    return sha256("\0".join(words).encode()).hexdigest()[:16]
