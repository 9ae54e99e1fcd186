"""What of a hub each profile has here, so that the hub can be asked whether it has newer. Asks nobody, prints nothing.

A profile that `paddock pull` wrote says it by its `source`. One with `hf-repo` has files in the hub's cache, whose paths name
the commit and whose content is named by its hash; or in the models folder, where nothing does: these are hashed when they are compared.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from paddock.errors import PaddockError
from paddock.hub.names import HubName, parsed
from paddock.hub.renewal import KeptFile
from paddock.hub.repository import HubFile
from paddock.hub.source import FileSource

if TYPE_CHECKING:
    from pathlib import Path

    from paddock.config.profile import Profile

_SNAPSHOT = re.compile(r".*/models--[^/]+/snapshots/(?P<commit>[0-9a-f]{40})/(?P<file>.+)")
_SHA256, _SHA1 = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")


def kept_of(profile: Profile) -> KeptFile | None:
    """Its file, as far as it is of a hub; None where it is of none."""
    if source := FileSource.parsed(profile.source):
        return KeptFile(profile.id, source)
    if not profile.hub:
        return None
    try:
        name = parsed(profile.hub)
    except PaddockError:
        return None
    repository = HubName(name.owner, name.name, endpoint=name.endpoint)
    if profile.model is None:
        return KeptFile(profile.id, FileSource(repository, "", HubFile(name.file, 0)), None)
    return KeptFile(profile.id, _source(repository, profile.model), profile.model)


def _source(repository: HubName, path: Path) -> FileSource:
    """With the commit and the hash where its path in the cache says them, else with its name alone."""
    if found := _SNAPSHOT.fullmatch(str(path)):
        content = path.resolve().name
        sha256 = content if _SHA256.fullmatch(content) else ""
        oid = content if _SHA1.fullmatch(content) else ""
        return FileSource(repository, found["commit"], HubFile(found["file"], 0, sha256, oid))
    folder = repository.name
    parts = path.parts
    inside = parts[len(parts) - parts[::-1].index(folder) :] if folder in parts else (path.name,)
    return FileSource(repository, "", HubFile("/".join(inside), 0))
