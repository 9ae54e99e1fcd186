"""Where the files of a repository lie on this machine: in the hub's cache, or in the models folder.

Nothing here writes over a file, and nothing is put where a link leads out of its folder.
"""

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from paddock.atomic_write import atomic_write
from paddock.hub.library import Hub
from paddock.hub.names import HubName
from paddock.hub.refusals import InTheWay
from paddock.hub.repository import HubFile
from paddock.importing.places import hugging_face

_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)


class Place(Protocol):
    """A folder for the files of one revision."""

    def final(self, file: HubFile) -> Path:
        """The name under which a program opens it once it is whole."""

    def content(self, file: HubFile) -> Path:
        """The file itself, which may have another name."""

    def partial(self, file: HubFile) -> Path:
        """What there is of it so far; the same in every process."""

    def lock(self, file: HubFile) -> Path:
        """Who holds this one fetches it."""

    def settle(self, file: HubFile) -> None:
        """Give a whole, checked partial its lasting name, with the lock held. InTheWay where a file has it."""

    def opened_as(self, file: HubFile) -> Path:
        """The final name, which is made if it must be, of a file that is there. Without the lock."""


@dataclass(frozen=True, slots=True)
class ModelsFolder:
    """`MODELS/OWNER/REPO/FILE`, as LM Studio lays them out; with `beside`, in a folder of that revision."""

    top: Path
    name: HubName
    beside: str = ""  # a commit, where another revision lies there already

    @property
    def folder(self) -> Path:
        tail = f"@{self.beside[:8]}" if self.beside else ""
        return self.top / self.name.owner / f"{self.name.name}{tail}"

    def final(self, file: HubFile) -> Path:
        return self.folder / file.path

    content = final

    def partial(self, file: HubFile) -> Path:
        """Hidden, as whoever looks for models shall not see it."""
        final = self.final(file)
        _must_be_inside(final.parent, self.top)
        return final.with_name(f".{file.etag[:16]}.{final.name[:100]}.incomplete")

    def lock(self, file: HubFile) -> Path:
        _must_be_inside(self.top / ".pull", self.top)
        return self.top / ".pull" / f"{file.etag}.lock"

    def settle(self, file: HubFile) -> None:
        _move(self.partial(file), self.final(file))

    def opened_as(self, file: HubFile) -> Path:
        return self.final(file)


@dataclass(frozen=True, slots=True)
class HubCache:
    """The cache that `huggingface_hub`, transformers and llama-server share. The library makes its links."""

    top: Path
    name: HubName
    commit: str
    hub: Hub

    @classmethod
    def of(cls, name: HubName, commit: str, hub: Hub, environ: Mapping[str, str]) -> "HubCache":
        return cls(hugging_face(environ), name, commit, hub)

    @property
    def folder(self) -> Path:
        return self.top / f"models--{self.name.owner}--{self.name.name}"

    def final(self, file: HubFile) -> Path:
        return self.folder / "snapshots" / self.commit / file.path

    def content(self, file: HubFile) -> Path:
        return self.folder / "blobs" / file.etag

    def partial(self, file: HubFile) -> Path:
        _must_be_inside(self.folder / "blobs", self.top)
        return self.folder / "blobs" / f"{file.etag}.paddock.incomplete"

    def lock(self, file: HubFile) -> Path:
        """The library's own, so that no two programs fetch it at once."""
        return self.top / ".locks" / self.folder.name / f"{file.etag}.lock"

    def settle(self, file: HubFile) -> None:
        _move(self.partial(file), self.content(file))

    def opened_as(self, file: HubFile) -> Path:
        """The library finds the content there, and makes the link to it, with the lock."""
        from huggingface_hub import hf_hub_download

        path = hf_hub_download(
            self.name.repository,
            file.path,
            revision=self.commit,
            cache_dir=self.top,
            endpoint=self.hub.endpoint,
            token=None if self.hub.is_usual else False,
        )
        self._name_the_commit()
        return Path(path)

    def _name_the_commit(self) -> None:
        """Let the branch mean it where it means nothing yet.

        One that is there is not moved, as the library would: files of its commit could not be found any more.
        """
        ref = self.folder / "refs" / self.name.revision
        if self.name.revision != self.commit and not ref.exists():
            _must_be_inside(ref.parent, self.top)
            atomic_write(ref, self.commit.encode())
            ref.chmod(0o644)


def _must_be_inside(folder: Path, top: Path) -> None:
    """Raise InTheWay where a link on the way leads elsewhere."""
    if not folder.resolve().is_relative_to(top.resolve()):
        raise InTheWay(f"{folder} leads out of {top} by a link", hint="remove the link")


def _move(partial: Path, final: Path) -> None:
    """Without ever replacing a file: a hard link fails where there is one."""
    final.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(partial, final, follow_symlinks=False)
        partial.unlink()
    except FileExistsError as error:
        raise InTheWay(f"{final} is there already, and is another file") from error
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(final):
            raise InTheWay(f"{final} is there already, and is another file") from error
        partial.rename(final)
