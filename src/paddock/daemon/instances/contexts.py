"""Contexts that outlive their instance (`keep-context`): saved while it is idle or at its end, there
again in the next.

With `auto` they lie in RAM, as they hold people's prompts, and only those are saved that pay. With `on`
the user wants them all, on the disk: `STATE/contexts`.
"""

from collections import defaultdict
from hashlib import sha256
from pathlib import Path
from typing import Literal

from paddock.api.contexts import KeptContext
from paddock.config.profile import Profile
from paddock.config.settings import Paths, Settings
from paddock.daemon.instances.context_folders import ContextFolders, RamFolders
from paddock.daemon.instances.experience import Experience
from paddock.daemon.instances.hand_saved import HandSaved
from paddock.daemon.instances.records import Record
from paddock.daemon.instances.rhythm import Rhythm
from paddock.daemon.instances.slot_store import SlotStore
from paddock.daemon.instances.thrift import PromptSpeeds, Thrift

_NO_RAM = "nothing is kept: there is no tmpfs for it; keep-context = on takes the disk"


def ram_folders(paths: Paths, settings: Settings) -> RamFolders | None:
    """Those in RAM; None where there is no tmpfs."""
    if not paths.ram_dir:
        return None
    limit, margin = settings.contexts_size, settings.memory_margin
    return RamFolders(paths.ram_dir / "contexts", limit=limit, margin=margin)


class Contexts:
    """All that were saved, in both places."""

    def __init__(
        self, paths: Paths, settings: Settings, speeds: PromptSpeeds, ram: RamFolders | None
    ) -> None:
        """`ram`: those in RAM, as `ram_folders` made them."""
        self._limit = limit = settings.contexts_size
        self._disk = ContextFolders(paths.state_dir / "contexts", limit=limit)
        self._ram = ram
        self.experience = Experience(paths.state_dir / "contexts.json")
        self._speeds = speeds
        self._rhythms = defaultdict[str, Rhythm](Rhythm)  # by profile

    def prepared(self, profile: Profile, engine_version: str) -> Path | None:
        """The folder for this version of the profile, made; None where it keeps none."""
        folders = self._ram if profile.keep_context == "auto" else self._disk
        if folders is None or not self._limit or not profile.keeps_context:
            return None
        return folders.prepared(profile, engine_version)

    def slot_store(self, record: Record) -> SlotStore | None:
        """What is kept of this instance, which has its folder from now on; None for nothing."""
        if not record.contexts:
            return None
        folder = Path(record.contexts)
        folders = self._of(folder)
        folders.take(folder)
        thrift = Thrift(
            self.experience,
            self._speeds,
            record=record,
            place="disk" if folders is self._disk else "ram",
            is_asked_for=folders is self._disk,
        )
        return SlotStore(folder, folders, thrift, self._rhythms[record.profile])

    def hand_saved(self, folder: str) -> HandSaved | None:
        """Those that are saved by hand to this folder; None for none."""
        if not folder:
            return None
        return HandSaved(Path(folder).parent, Path(folder), limit=self._limit)

    def give_back(self, folder: Path) -> list[Path]:
        """Its server has ended: the folders that are to be deleted."""
        return self._of(folder).give_back(folder)

    def remove_halves(self) -> None:
        """Delete what servers were writing when they died without a daemon; who lives has its folder."""
        for folders in filter(None, (self._disk, self._ram)):
            folders.remove_halves()

    def saved(self) -> list[tuple[Literal["ram", "disk"], Path, list[Path]]]:
        """All folders that hold something, with their files. Blocking."""
        in_ram = self._ram.saved() if self._ram else []
        return [
            *(("ram", folder, files) for folder, files in in_ram),
            *(("disk", folder, files) for folder, files in self._disk.saved()),
        ]

    def forget(self, name: str) -> bool:
        """Delete what the folders of this name hold; False where there is none. Blocking."""
        gone = [folders.forget(name) for folders in (self._ram, self._disk) if folders]
        return any(gone)

    @property
    def limit_mib(self) -> int:
        """MiB of all in one place at most (`contexts-size`)."""
        return self._limit

    async def tidy(self) -> None:
        """Leave RAM to others who have taken it; write down what was learnt."""
        if self._ram:
            await self._ram.trim()
        await self.experience.write_down()

    async def leave_ram(self, mib: int, record: Record) -> None:
        """This instance is about to take so many MiB of RAM; its own context is left to it."""
        if self._ram:
            await self._ram.leave_ram(mib, but=Path(record.contexts) if record.contexts else None)

    def kept(self, profile: Profile | None, store: SlotStore | None) -> KeptContext | None:
        """What is kept of this instance; None where its profile does not want that."""
        if store:
            return store.report()
        if profile is None or not profile.keeps_context:
            return None
        return KeptContext(
            note=_NO_RAM if self._ram is None else "nothing may be kept: contexts-size"
        )

    def _of(self, folder: Path) -> ContextFolders:
        """An instance that was taken over keeps its folder, wherever today's daemon would have one."""
        if self._ram and folder.parent == self._ram.root:
            return self._ram
        return self._disk if folder.parent == self._disk.root else self._elsewhere(folder)

    def _elsewhere(self, folder: Path) -> ContextFolders:
        return RamFolders(folder.parent, limit=self._limit, margin=0)


def context_kind(profile: Profile, engine_version: str) -> str:
    """What decides, with the architecture, whether a restored slot can be used again: flags and build.

    Not which file it is: the next one of that architecture is spared the tries.
    """
    flags = [flag.argv for flag in profile.flags if flag.name not in {"--model", "--mmproj"}]
    words = "\0".join((profile.build, *(word for argv in flags for word in argv)))
    return f"{sha256(words.encode()).hexdigest()[:12]} {engine_version}"
