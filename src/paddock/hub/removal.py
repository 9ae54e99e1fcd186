"""What becomes of a profile's files when it is removed: which are deleted, which stay and why. Read-only but for `delete`."""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from paddock.config.profile import Profile
from paddock.host.file_users import users_of
from paddock.llama.gguf import shards

_WEIGHTS = ("--model-draft", "--spec-draft-model")


@dataclass(frozen=True, slots=True)
class FileFate:
    """One file: bytes that its removal frees, or why it stays."""

    path: Path
    frees: int = 0
    stays: str = ""  # the reason; "" where it is deleted
    is_open: bool = False  # by a program that runs
    content: Path | None = None  # what a link of the hub's cache leads to, where that goes as well


@dataclass(frozen=True, slots=True)
class Removal:
    """All files of one profile."""

    fates: tuple[FileFate, ...]
    folders: tuple[Path, ...]  # where files may be deleted

    @property
    def frees(self) -> int:
        """Bytes."""
        return sum(fate.frees for fate in self.fates)

    def delete(self) -> list[str]:
        """Delete what does not stay; what could not be deleted, and why."""
        going = [fate for fate in self.fates if not fate.stays]
        problems = [problem for fate in going for problem in _deleted(fate)]
        for fate in going:
            _tidy(fate.path.parent, self.folders)
        return problems


def removal_of(profile: Profile, others: Iterable[Profile], folders: Sequence[Path]) -> Removal:
    """`folders`: where files may be deleted at all."""
    files = [file for file in files_of(profile) if os.path.lexists(file)]
    taken = {identity: one.id for one in others for identity in _identities(one)}
    users = users_of(files)
    fates = tuple(_fate(file, taken, users, folders) for file in files)
    return Removal(fates, tuple(folders))


def files_of(profile: Profile) -> list[Path]:
    """Of its model all shards, its projector and its draft model."""
    named = [profile.model, profile.mmproj]
    named += [
        Path(flag.values[0]) for name in _WEIGHTS if (flag := profile.flag(name)) and flag.values
    ]
    return [shard for file in dict.fromkeys(named) if file for shard in shards(file)]


def _identities(profile: Profile) -> Iterable[tuple[int, int]]:
    """Every file that any of its flags names, links followed."""
    named = [
        Path(value) for flag in profile.flags for value in flag.values if value.startswith("/")
    ]
    for file in (shard for path in [*files_of(profile), *named] for shard in shards(path)):
        with suppress(OSError):
            facts = file.stat()
            yield facts.st_dev, facts.st_ino


def _fate(
    file: Path,
    taken: dict[tuple[int, int], str],
    users: dict[Path, list[str]],
    folders: Sequence[Path],
) -> FileFate:
    try:
        facts = file.stat()
    except OSError:
        return FileFate(file)  # a link to nothing
    if other := taken.get((facts.st_dev, facts.st_ino)):
        return FileFate(file, stays=f"[{other}] uses it")
    if programs := users.get(file):
        return FileFate(file, stays=f"{', '.join(sorted(set(programs)))} has it open", is_open=True)
    if not any(_is_below(file, folder) for folder in folders):
        return FileFate(file, stays="it is neither in the models folder nor in the hub's cache")
    if file.is_symlink():
        return _fate_of_link(file, facts, folders)
    return FileFate(file, frees=_freed(facts))


def _fate_of_link(file: Path, facts: os.stat_result, folders: Sequence[Path]) -> FileFate:
    """In the hub's cache the content goes with its last link; elsewhere a link is all that is ours."""
    content, repository = file.resolve(), file.parent
    while repository.parent != repository and not (repository / "blobs").is_dir():
        repository = repository.parent
    is_own = content.parent == (repository / "blobs").resolve()
    if not is_own or not any(_is_below(content, folder) for folder in folders):
        return FileFate(file)
    links = (path for path in (repository / "snapshots").rglob("*") if path.is_symlink())
    if any(path != file and path.resolve() == content for path in links):
        return FileFate(file)
    return FileFate(file, frees=_freed(facts), content=content)


def _freed(facts: os.stat_result) -> int:
    """Nothing where the content has another name."""
    return facts.st_blocks * 512 if facts.st_nlink == 1 else 0


def _is_below(file: Path, folder: Path) -> bool:
    return (file.parent.resolve() / file.name).is_relative_to(folder.resolve())


def _deleted(fate: FileFate) -> Iterable[str]:
    for path in filter(None, (fate.path, fate.content)):
        try:
            path.unlink()
        except OSError as error:
            yield f"{path}: {error.strerror}"


def _tidy(folder: Path, top: Sequence[Path]) -> None:
    """Folders that are empty now, and a branch's name for a commit of which nothing is left."""
    with suppress(OSError):
        while folder not in top:
            folder.rmdir()
            if folder.parent.name == "snapshots":
                _forget_commit(folder.parent.parent / "refs", folder.name)
            folder = folder.parent


def _forget_commit(refs: Path, commit: str) -> None:
    for ref in refs.rglob("*"):
        if ref.is_file() and ref.read_text().strip() == commit:
            ref.unlink()
