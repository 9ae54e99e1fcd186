"""A repository as the hub's cache has it: what there is to say of one in offline mode (`HF_HUB_OFFLINE`). Asks nobody."""

import re
from collections.abc import Iterator
from pathlib import Path

from paddock.hub.library import Hub
from paddock.hub.names import HubName
from paddock.hub.refusals import HubUnreachable
from paddock.hub.repository import HubFile, HubRepository, sorted_out
from paddock.importing.places import hugging_face

_SHA256, _SHA1 = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")
_MOST_REF = 100  # bytes


def cached(hub: Hub, name: HubName, revision: str = "") -> HubRepository:
    """The whole files of this revision that are here. HubUnreachable where there is none of it."""
    folder, wanted = _folder(hub, name), revision or name.revision
    commit = wanted if _SHA1.fullmatch(wanted) else _commit(folder / "refs" / wanted)
    files = list(_files(folder / "snapshots" / commit)) if commit else []
    if not files:
        raise HubUnreachable(
            f"offline mode is on (HF_HUB_OFFLINE), and {hugging_face(hub.environ)} has nothing of {name.repository} at {wanted}",
            hint="unset it to ask the hub",
        )
    return sorted_out(name, commit, files)


def beginning(hub: Hub, name: HubName, file: HubFile, count: int) -> bytes:
    """So many bytes of a file that `cached` named."""
    with (_folder(hub, name) / "blobs" / file.etag).open("rb") as opened:
        return opened.read(count)


def _folder(hub: Hub, name: HubName) -> Path:
    return hugging_face(hub.environ) / f"models--{name.owner}--{name.name}"


def _commit(ref: Path) -> str:
    try:
        with ref.open(encoding="ascii") as opened:
            found = opened.read(_MOST_REF).strip()
    except (OSError, ValueError):
        return ""
    return found if _SHA1.fullmatch(found) else ""


def _files(snapshot: Path) -> Iterator[HubFile]:
    """Each link of the snapshot whose blob is named by its hash and lies beside it, as the library lays them."""
    blobs = snapshot.parent.parent / "blobs"
    for path in sorted(snapshot.rglob("*.gguf")):
        blob = path.resolve()
        if blob.parent != blobs.resolve() or not blob.is_file():
            continue
        sha256 = blob.name if _SHA256.fullmatch(blob.name) else ""
        oid = blob.name if _SHA1.fullmatch(blob.name) else ""
        yield HubFile(path.relative_to(snapshot).as_posix(), blob.stat().st_size, sha256, oid)
