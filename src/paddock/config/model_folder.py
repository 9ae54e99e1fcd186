"""Finds the GGUF files in a folder and below it, links followed; every model once, shards joined.

Two layouts are known besides plain folders. LM Studio's is `PUBLISHER/MODEL/x.gguf`. Hugging Face's
cache is `models--ORG--NAME/snapshots/REVISION/x.gguf`, where `refs/main` names the newest revision,
and which holds only what was downloaded. Hidden folders are skipped. No file is opened.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from paddock.config.model_names import name_of
from paddock.llama.gguf import missing_shards, shards
from paddock.plain_file import read_plain

_REPOSITORY = re.compile(r"models--(?:(?P<owner>.+?)--)?(?P<name>.+)")


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model on the disk, or a part of one: a projector, an adapter."""

    path: Path  # of its first shard, there or not; as found, since a link's target has another name
    home: Path  # the folder whose files belong together
    repository: str = ""  # `gemma-3-4b-it-GGUF`, or its folder's name; "" in the top folder itself
    owner: str = ""  # `ggml-org`, or the folder just below the top one

    @property
    def name(self) -> str:
        return self.path.name


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that gets no profile, and why."""

    path: Path
    why: str


@dataclass(slots=True)
class Contents:
    """What a folder holds, in a fixed order."""

    files: list[ModelFile] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def look_into(folder: Path) -> Contents:
    """All models in the folder and below it."""
    return _looked_into(folder, folder)


def look_around(path: Path, top: Path) -> list[ModelFile]:
    """The files that belong together with this one, itself included, as `look_into(top)` would find them.

    Empty where models.conf could not name it.
    """
    folder = next(filter(_is_snapshot, path.parents), None) or _home(path, top)
    found = _looked_into(folder, top).files
    real = path.resolve()
    own = next((file for file in found if file.path.resolve() == real), None)
    return [file for file in found if own and file.home == own.home]


def _looked_into(folder: Path, top: Path) -> Contents:
    found = Contents()
    paths = {shards(path)[0] for path in _Walk(found.left_out).files(folder)}
    candidates = sorted((_Candidate.of(path, top) for path in paths), key=lambda c: c.rank)
    reasons = {path: reason for path in paths if (reason := _unwritable(path.relative_to(top)))}
    found.left_out += [LeftOut(path, reason) for path, reason in sorted(reasons.items())]
    _keep_each_once((c for c in candidates if c.path not in reasons), found, top)
    return found


def _unwritable(path: Path) -> str:
    """Why models.conf cannot name it; empty where it can."""
    text = str(path)
    if not text.isprintable():
        return "its name holds characters that cannot be printed: rename it"
    return "its name begins with a space: rename it" if text != text.lstrip() else ""


# ---- the walk ----


class _Walk:
    """Walks through folders, into each once, however many links lead there."""

    def __init__(self, left_out: list[LeftOut]) -> None:
        self._left_out = left_out
        self._seen: set[tuple[int, int]] = set()

    def files(self, folder: Path) -> Iterator[Path]:
        """Every GGUF file, those of this folder first."""
        folders = []
        for path in self._entries(folder):
            if self._is_folder(path):
                folders.append(path)
            elif path.name.lower().endswith(".gguf") and self._is_file(path):
                yield path
        for below in sorted(folders, key=lambda path: (path.is_symlink(), path)):
            yield from self.files(below)

    def _entries(self, folder: Path) -> list[Path]:
        """Its entries without hidden ones; empty for a folder that was visited before."""
        try:
            if (identity := _identity(folder)) in self._seen:
                return []
            self._seen.add(identity)
            return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        except OSError as error:
            self._left_out.append(LeftOut(folder, f"cannot be read: {error.strerror}"))
            return []

    def _is_folder(self, path: Path) -> bool:
        try:
            return path.is_dir()
        except OSError:  # behind a link, in a folder that we may not read
            return False

    def _is_file(self, path: Path) -> bool:
        try:
            is_file = path.is_file()
        except OSError as error:
            self._left_out.append(LeftOut(path, f"cannot be read: {error.strerror}"))
            return False
        if not is_file:
            what = "a broken link" if path.is_symlink() else "no ordinary file"
            self._left_out.append(LeftOut(path, what))
        return is_file


# ---- where each belongs ----


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A model at one path, with what decides among several paths to it."""

    file: ModelFile
    within: Path  # its path inside its snapshot, else the whole path
    snapshot: Path | None

    @classmethod
    def of(cls, path: Path, top: Path) -> "_Candidate":
        snapshot = next(filter(_is_snapshot, path.parents), None)
        if snapshot is None:
            return cls(_plain(path, top), path, None)
        home = snapshot.parent.parent
        found = _REPOSITORY.fullmatch(home.name)
        assert found is not None
        file = ModelFile(path, home, found["name"], found["owner"] or "")
        return cls(file, path.relative_to(snapshot), snapshot)

    @property
    def path(self) -> Path:
        return self.file.path

    @property
    def key(self) -> tuple[Path, Path]:
        """The same for one file in several snapshots."""
        return self.file.home, self.within

    @property
    def rank(self) -> tuple[bool, int, str, str, bool, tuple[bool, float], str]:
        """Links last, the nearest to the top first; complete snapshots first, then the newest."""
        age = _age(self.snapshot) if self.snapshot else (False, 0.0)
        is_link, depth = self.path.is_symlink(), len(self.path.parts)
        home, within = str(self.file.home), str(self.within)
        return is_link, depth, home, within, bool(missing_shards(self.path)), age, str(self.path)

    @property
    def identity(self) -> tuple[int, int] | Path:
        """The same for two links to one file."""
        try:
            return _identity(self.path)
        except OSError:  # the first shard is missing
            return self.path


def _identity(path: Path) -> tuple[int, int]:
    facts = path.stat()
    return facts.st_dev, facts.st_ino


def _is_snapshot(snapshot: Path) -> bool:
    home = snapshot.parent.parent
    return snapshot.parent.name == "snapshots" and _REPOSITORY.fullmatch(home.name) is not None


def _plain(path: Path, top: Path) -> ModelFile:
    folder = _home(path, top)
    inside = folder.relative_to(top).parts
    return ModelFile(path, folder, inside[-1] if inside else "", inside[0] if inside else "")


def _home(path: Path, top: Path) -> Path:
    """Its folder; one named by a quantisation only holds the shards of one, and belongs to the one above."""
    folder = path.parent
    is_part = folder != top and not name_of(folder.name).model
    return folder.parent if is_part else folder


def _age(snapshot: Path) -> tuple[bool, float]:
    """Small for the revision that `refs/main` names, then for those that changed last."""
    main = snapshot.parent.parent / "refs" / "main"
    try:
        is_main = read_plain(main).decode().strip() == snapshot.name
    except (OSError, ValueError):
        is_main = False
    return not is_main, -snapshot.stat().st_mtime


def _keep_each_once(candidates: Iterable[_Candidate], found: Contents, top: Path) -> None:
    by_identity: dict[object, _Candidate] = {}
    by_key: dict[object, _Candidate] = {}
    for candidate in candidates:
        same = by_identity.setdefault(candidate.identity, candidate)
        newer = by_key.setdefault(candidate.key, candidate)
        if same is candidate and newer is candidate:
            found.files.append(candidate.file)
        elif same is candidate:
            found.left_out.append(LeftOut(candidate.path, "of an older snapshot"))
        elif newer is candidate:
            other = same.path.relative_to(top)
            found.left_out.append(LeftOut(candidate.path, f"the same file as {other}"))
