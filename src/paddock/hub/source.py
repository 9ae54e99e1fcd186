"""Where a profile's file is from, as the key `source` of models.conf says it. Pure.

`hf:OWNER/REPO@COMMIT/FILE sha256:HASH`; a hub of another address is named by that, a branch other than `main` behind it.
"""

import re
from dataclasses import dataclass
from typing import Self

from paddock.hub.names import HubName, is_plain_path
from paddock.hub.repository import HubFile, HubRepository

_TEXT = re.compile(
    r"(?:hf:|(?P<endpoint>https?://[^/\s]+)/)(?P<owner>[^/\s@]+)/(?P<name>[^/\s@]+)@(?P<commit>[0-9a-f]{40})/"
    r"(?P<file>.+?) (?:sha256:(?P<sha256>[0-9a-f]{64})|git:(?P<oid>[0-9a-f]{40}))(?: branch:(?P<branch>\S+))?"
)


@dataclass(frozen=True, slots=True)
class FileSource:
    """One file of one revision. Of several shards, the first."""

    name: HubName  # with the branch that it was fetched from, and nothing of a file
    commit: str
    file: HubFile

    @classmethod
    def of(cls, repository: HubRepository, file: HubFile) -> Self:
        return cls(_repository(repository.name), repository.commit, file)

    @classmethod
    def parsed(cls, text: str) -> Self | None:
        """None where it is another text, that a person wrote."""
        found = _TEXT.fullmatch(text.strip())
        if found is None or not is_plain_path(found["file"]):
            return None
        endpoint, branch = found["endpoint"] or "", found["branch"] or "main"
        name = HubName(found["owner"], found["name"], revision=branch, endpoint=endpoint)
        return cls(
            name,
            found["commit"],
            HubFile(found["file"], 0, found["sha256"] or "", found["oid"] or ""),
        )

    def __str__(self) -> str:
        where = f"{self.name.endpoint}/" if self.name.endpoint else "hf:"
        kind = f"sha256:{self.file.sha256}" if self.file.sha256 else f"git:{self.file.oid}"
        branch = (
            "" if self.name.revision in ("main", self.commit) else f" branch:{self.name.revision}"
        )
        return f"{where}{self.name.repository}@{self.commit}/{self.file.path} {kind}{branch}"


def _repository(name: HubName) -> HubName:
    return HubName(name.owner, name.name, revision=name.revision, endpoint=name.endpoint)
