"""What a repository has: its GGUF files, shards joined, with the projectors and draft models beside them. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from paddock.config.model_kinds import PREFERRED, is_draft_name
from paddock.config.model_names import name_of
from paddock.hub.names import HubName, is_plain_path
from paddock.hub.refusals import NotOnHub
from paddock.near import nearest

_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.IGNORECASE)
MOST_FILE = 4 << 40  # bytes of one file; larger ones are a lie
_EXACT = frozenset({"F32", "F16", "BF16"})  # a file to quantise from: nobody sees it in the answers


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file as the hub lists it. `sha256` of its content, or "" where only git's name of it is known."""

    path: str
    size: int  # bytes
    sha256: str = ""
    oid: str = ""  # git's SHA-1 of `blob SIZE\\0` and the content

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name

    @property
    def etag(self) -> str:
        """What the hub's cache calls its content."""
        return self.sha256 or self.oid


@dataclass(frozen=True, slots=True)
class HubModel:
    """One quantisation: a file, or all shards of it in their order."""

    files: tuple[HubFile, ...]

    @property
    def first(self) -> HubFile:
        return self.files[0]

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def quantisation(self) -> str:
        """As quantisers write it, in capitals: `Q4_K_M`, `UD-Q4_K_XL`; else the file's name."""
        own = name_of(self.first.name).quantisation
        folder = PurePosixPath(self.first.path).parent.name
        return (own or name_of(folder).quantisation or name_of(self.first.name).model).upper()

    @property
    def is_exact(self) -> bool:
        """Whether it is for quantising, not for running."""
        return self.quantisation in _EXACT


@dataclass(slots=True)
class HubRepository:
    """One revision of a repository."""

    name: HubName
    commit: str
    offers: list[HubModel] = field(default_factory=list)  # the smallest first
    projectors: list[HubFile] = field(default_factory=list)  # the best first
    drafts: list[HubModel] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)  # path and reason

    def wanted(self) -> HubModel | None:
        """What the name asks for; None where it leaves the choice. NotOnHub lists what there is."""
        if self.name.file:
            return self._of_file()
        if not self.name.quantisation:
            return None
        asked = _plain(self.name.quantisation)
        named = [one for one in self.offers if _plain(one.quantisation) == asked]
        named = named or [
            one for one in self.offers if _plain(one.quantisation).endswith(f"-{asked}")
        ]
        if not named:
            raise self._nothing_of(self.name.quantisation, [w.quantisation for w in self.offers])
        return named[0]

    def choose_as_llama_server(self, tags: Sequence[str]) -> None:
        """Where the name leaves the choice, have it mean the first of these tags that there is, else the first file."""
        if self.name.file or self.name.quantisation or not self.offers:
            return
        there = [_plain(one.quantisation) for one in self.offers]
        if tag := next((tag for tag in tags if _plain(tag) in there), ""):
            self.name = replace(self.name, quantisation=tag)
        else:
            self.name = replace(self.name, file=min(one.first.path for one in self.offers))

    def _of_file(self) -> HubModel:
        everything = [*self.offers, *self.drafts]
        for one in everything:
            if self.name.file in (file.path for file in one.files):
                return one
        raise self._nothing_of(
            self.name.file, [file.path for one in everything for file in one.files]
        )

    def _nothing_of(self, asked: str, there: Sequence[str]) -> NotOnHub:
        near = nearest(asked, list(there))
        hint = f"did you mean {near}?" if near else ""
        listed = ", ".join(there) or "no GGUF file at all"
        return NotOnHub(f"{self.name.repository} has no {asked}; it has {listed}", hint=hint)


def sorted_out(name: HubName, commit: str, files: Iterable[HubFile]) -> HubRepository:
    """Everything in its place. NotOnHub where there is no GGUF file that can be fetched."""
    repository, gguf = HubRepository(name, commit), list[HubFile]()
    for file in files:
        if not file.path.lower().endswith(".gguf"):
            continue
        reason = _unusable(file)
        if reason:
            repository.left_out.append((file.path, reason))
        else:
            gguf.append(file)
    for group in _groups(gguf, repository.left_out):
        _put(group, repository)
    repository.offers.sort(key=lambda one: (one.size, one.first.path))
    repository.projectors.sort(key=_preference)
    if not (repository.offers or repository.drafts):
        raise _no_model(repository)
    return repository


def _unusable(file: HubFile) -> str:
    if not is_plain_path(file.path):
        return "its name would leave the folder, or cannot be written"
    if not 0 < file.size <= MOST_FILE:
        return f"the hub says that it has {file.size} bytes"
    return "" if file.etag else "the hub gives no hash of it"


def _groups(files: Sequence[HubFile], left_out: list[tuple[str, str]]) -> Iterator[HubModel]:
    shards = defaultdict[tuple[str, int], dict[int, HubFile]](dict)
    for file in files:
        if found := _SHARD.fullmatch(file.path):
            shards[found["stem"], int(found["count"])][int(found["number"])] = file
        else:
            yield HubModel((file,))
    for (stem, count), parts in shards.items():
        numbers = range(1, count + 1)
        if sorted(parts) == list(numbers):
            yield HubModel(tuple(parts[number] for number in numbers))
        else:
            left_out.append((stem, f"{len(parts)} of {count} shards are there"))


def _put(group: HubModel, repository: HubRepository) -> None:
    name = group.first.name.lower()
    if "mmproj" in name:
        repository.projectors.append(group.first)
    elif "imatrix" in name:
        repository.left_out.append((group.first.path, "it is for quantising"))
    elif is_draft_name(group.first.name):
        repository.drafts.append(group)
    else:
        repository.offers.append(group)


def _preference(projector: HubFile) -> tuple[int, str]:
    kind = name_of(projector.name).quantisation.upper()
    place = PREFERRED.index(kind) if kind in PREFERRED else len(PREFERRED)
    return place, projector.path


def _plain(quantisation: str) -> str:
    return quantisation.upper().replace("_", "-").replace(".", "-")


def _no_model(repository: HubRepository) -> NotOnHub:
    reasons = tuple(f"{path}: {why}" for path, why in repository.left_out)
    hint = "look for a repository of the same model whose name ends in GGUF"
    name = repository.name.repository
    return NotOnHub(f"{name} has no GGUF file that can be run", hint=hint, detail=reasons)
