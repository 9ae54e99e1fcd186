"""How models.conf names the files of a folder: as short as the models folder allows. Read-only.

Relative to the models folder, or to the folder of models.conf, where the files lie in one of them.
Otherwise `models-dir` can make it so, but only where there is no paddock.toml yet: to change it
would move the models of other profiles. All others are absolute paths.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from paddock.config.model_files import Folders
from paddock.config.settings import Paths


@dataclass(frozen=True, slots=True)
class Places:
    """The names of files in and below one folder."""

    folder: Path
    start: (
        Path | None
    )  # what comes before a path inside the folder; None: the whole path is written
    folders: Folders  # as they will be
    settings: str = ""  # the paddock.toml that this takes; "" where none is needed

    @classmethod
    def of(cls, folder: Path, paths: Paths) -> "Places":
        """For a new models.conf; it may take a paddock.toml."""
        beside_others = cls.beside_others(folder, paths)
        if beside_others.start is not None or paths.settings.exists():
            return beside_others
        return cls(folder, Path(), Folders(folder, paths.config.parent), _settings(folder))

    @classmethod
    def beside_others(cls, folder: Path, paths: Paths) -> "Places":
        """For a models.conf that names other files already: nothing that moves those."""
        beside = paths.config.parent
        folders = Folders(paths.models_dir, beside)
        for base in (paths.models_dir, beside):
            if folder.resolve().is_relative_to(base.resolve()):
                return cls(folder, folder.resolve().relative_to(base.resolve()), folders)
        return cls(folder, None, folders)

    def written(self, path: Path) -> str:
        """The path to write for a file; the absolute one where a shorter one would mean another file."""
        if self.start is None:
            return str(path)
        short = str(self.start / path.relative_to(self.folder))
        return short if self._is(path, short) else str(path)

    def _is(self, path: Path, text: str) -> bool:
        try:
            return self.folders.model(text).samefile(path)
        except OSError:  # `~` at its beginning was read as the home folder
            return False


def _settings(folder: Path) -> str:
    """TOML's basic strings are JSON's."""
    return (
        "# Paddock's own settings, beside models.conf; all of them: docs/configuration.md.\n"
        "# Where relative paths in models.conf begin (`paddock init` or `paddock import` wrote this):\n"
        f"models-dir = {json.dumps(str(folder), ensure_ascii=False)}\n"
    )
