"""A profile that has llama-server fetch its model (`hf-repo`), where its engine cannot: the files are fetched for it.

The section keeps all else; its `hf-repo` and `hf-file` become `MODEL`, `source` and, where there is one, `MMPROJ`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from paddock.cli.offline.addition import problems_of, replace_text
from paddock.config.ini import parse_ini, read_text
from paddock.config.model_places import Places
from paddock.config.profile import Problem
from paddock.config.section_edit import with_lines_for
from paddock.errors import ConfigError

if TYPE_CHECKING:
    from paddock.cli.offline.files import Files
    from paddock.cli.offline.pulling import PullPlan
    from paddock.hub.source import FileSource

_REPOSITORY = frozenset({"hf-repo", "hf", "hfr", "llama_arg_hf_repo"})
_FILE = frozenset({"hf-file", "hff", "llama_arg_hf_file"})
_PROJECTOR = frozenset({"mmproj", "no-mmproj", "mmproj-url", "no-mmproj-auto"})


@dataclass(frozen=True, slots=True)
class RemoteProfile:
    """A section with `hf-repo`."""

    files: Files
    section: str
    text: str  # all of models.conf as it was read
    wanted: str  # what to pull: `OWNER/REPO:QUANT`, or a file
    keys: tuple[str, ...]  # that name it, as they are written
    wants_projector: bool

    @classmethod
    def of(cls, name: str, files: Files) -> RemoteProfile | None:
        """The section of this name; None where there is none, or it has no `hf-repo`."""
        text = read_text(files.paths.config) if files.paths.config.exists() else ""
        if isinstance(text, Problem):
            raise ConfigError(str(text))
        sections, _ = parse_ini(text, str(files.paths.config))
        found = next((one for one in sections if one.name == name), None)
        entries = {_bare(entry.key): entry for entry in found.entries} if found else {}
        repository = next((entries[key] for key in entries if key in _REPOSITORY), None)
        if repository is None:
            return None
        file = next((entries[key] for key in entries if key in _FILE), None)
        owner_and_name = repository.value.partition(":")[0]
        wanted = f"{owner_and_name}/{file.value}" if file else repository.value
        keys = tuple(entry.key for entry in (repository, file) if entry)
        has_projector = not _PROJECTOR.isdisjoint(entries)
        return cls(files, name, text, wanted, keys, not has_projector)

    def fill(self, plan: PullPlan, paths: Sequence[Path]) -> None:
        """Name the files that were pulled in the section. ConfigError where it would still be wrong."""
        self.name_files(paths[0], plan.source, paths[-1] if plan.chosen.projector else None)

    def name_files(self, model: Path, source: FileSource, projector: Path | None) -> None:
        """Name these files in the place of the repository. ConfigError where it would still be wrong."""
        lines = [f"MODEL = {self._written(model)}", f"source = {source}"]
        if projector and self.wants_projector:
            lines.append(f"MMPROJ = {self._written(projector)}")
        after = with_lines_for(self.text, self.section, self.keys, lines)
        wrong = [p for p in problems_of(after, self.files) if p.section == self.section]
        errors = tuple(str(problem) for problem in wrong if problem.severity == "error")
        if errors:
            raise ConfigError(
                f"[{self.section}] is left as it is: it would be wrong", detail=errors
            )
        replace_text(self.files.paths.config, self.text, after)

    def _written(self, path: Path) -> str:
        return Places.beside_others(path.parent, self.files.paths).written(path)


def _bare(key: str) -> str:
    return key.lower().lstrip("-")
