"""Asks a hub what a repository has: one request, bounded, decoded strictly."""

import re

import msgspec

from paddock.hub.library import Hub, translated
from paddock.hub.names import HubName
from paddock.hub.offline import cached
from paddock.hub.refusals import HubContradicts
from paddock.hub.repository import HubFile, HubRepository, sorted_out

_MOST = 16 << 20  # bytes of a list; one of 10,000 files has 2 MB
_SECONDS = 20.0
_SHA256, _SHA1 = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")


class _Lfs(msgspec.Struct):
    sha256: str = ""
    size: int = 0


class _Sibling(msgspec.Struct):
    rfilename: str
    size: int | None = None
    blob_id: str = msgspec.field(name="blobId", default="")
    lfs: _Lfs | None = None


class _Listing(msgspec.Struct):
    sha: str
    siblings: list[_Sibling]


def listed(hub: Hub, name: HubName, revision: str = "") -> HubRepository:
    """The repository as it is at its revision, or at this one. Blocking.

    NotOnHub, HubUnreachable or HubContradicts say why not. In offline mode what the cache has of it.
    """
    if hub.is_offline:
        return cached(hub, name, revision)
    what = f"repository {name.repository}" + (
        "" if name.revision == "main" else f" at {name.revision}"
    )
    body = _asked(hub, name.repository, revision or name.revision, what)
    try:
        found = msgspec.json.decode(body, type=_Listing)
    except msgspec.MsgspecError as error:
        hint = "look at HF_ENDPOINT, if it is set: it must be a hub's address"
        raise HubContradicts(
            f"{hub.endpoint} does not answer as a hub does: {error}", hint=hint
        ) from error
    if not _SHA1.fullmatch(found.sha):
        raise HubContradicts(f"the hub names a commit {found.sha!r}")
    return sorted_out(name, found.sha, map(_file, found.siblings))


def _asked(hub: Hub, repository: str, revision: str, what: str) -> bytes:
    from urllib.parse import quote

    from huggingface_hub.utils import hf_raise_for_status, http_stream_backoff

    url = f"{hub.endpoint}/api/models/{repository}/revision/{quote(revision, safe='')}?blobs=true"
    body = bytearray()
    with translated(what):
        stream = http_stream_backoff(
            "GET", url, headers=hub.headers(), timeout=_SECONDS, max_retries=2, base_wait_time=0.5
        )
        with stream as response:
            hf_raise_for_status(response)
            for piece in response.iter_bytes():
                body += piece
                if len(body) > _MOST:
                    raise HubContradicts(f"the list of {what} has more than {_MOST >> 20} MiB")
    return bytes(body)


def _file(sibling: _Sibling) -> HubFile:
    lfs = sibling.lfs
    sha256 = lfs.sha256 if lfs and _SHA256.fullmatch(lfs.sha256) else ""
    oid = sibling.blob_id if not lfs and _SHA1.fullmatch(sibling.blob_id) else ""
    size = lfs.size if lfs else sibling.size or 0
    return HubFile(sibling.rfilename, size, sha256, oid)
