"""Which folder of this machine a container sees where. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from paddock.config.model_files import at_home


@dataclass(slots=True)
class Mounts:
    """Folders of this machine by their paths in the container."""

    known: list[tuple[PurePosixPath, Path]] = field(default_factory=list)  # there, here

    def on_host(self, path: str) -> str:
        """The path on this machine of a path in the container; other paths unchanged."""
        for target, source in sorted(self.known, key=lambda mount: -len(mount[0].parts)):
            if PurePosixPath(path).is_relative_to(target):
                return str(source / PurePosixPath(path).relative_to(target))
        return path

    def add_short(self, volume: str, folder: Path) -> bool:
        """`SOURCE:TARGET[:ro]`; False where it is a named volume, and no folder of this machine."""
        source, _, rest = volume.partition(":")
        return self._add(source, rest.partition(":")[0], folder)

    def add_long(self, volume: Mapping[str, str], folder: Path) -> bool:
        """`source`, `target` and their other names."""
        source = volume.get("source") or volume.get("src") or ""
        target = volume.get("target") or volume.get("destination") or volume.get("dst") or ""
        return self._add(source, target, folder)

    def _add(self, source: str, target: str, folder: Path) -> bool:
        source = source.removesuffix("/") if len(source) > 1 else source
        if not target or source[:1] not in ("/", ".", "~"):
            return False
        here = Path(at_home(source))
        whole = here if here.is_absolute() else folder / here
        self.known.append((PurePosixPath(target), Path(*whole.parts)))
        return True
