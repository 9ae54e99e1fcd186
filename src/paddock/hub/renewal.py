"""Whether a hub has newer files than a profile was made of. Asks, and fetches nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from paddock.errors import PaddockError
from paddock.hub.checking import is_the_file
from paddock.hub.library import hub_of
from paddock.hub.listing import listed
from paddock.hub.refusals import HubUnreachable, NotOnHub
from paddock.hub.repository import HubModel, HubRepository
from paddock.hub.source import FileSource

Freshness = Literal["current", "newer", "gone", "unknown"]


@dataclass(frozen=True, slots=True)
class KeptFile:
    """What a profile has of a hub. Of a source without a hash, `path` is the file, or None where it is not here yet."""

    profile: str
    source: FileSource
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Renewal:
    """One profile's file and what the hub has now."""

    profile: str
    source: FileSource
    state: Freshness
    why: str = ""  # of `gone` and `unknown`
    repository: HubRepository | None = None  # as it is now
    offer: HubModel | None = None  # the same file, as it is now


class Renewals:
    """Asks each repository once, however many profiles are of it."""

    def __init__(self, hosts: Sequence[str], environ: Mapping[str, str]) -> None:
        self._hosts, self._environ = hosts, environ
        self._known: dict[object, HubRepository | PaddockError] = {}

    def of(self, files: Iterable[KeptFile]) -> list[Renewal]:
        """For each profile, in their order. Blocking."""
        return [self._one(kept) for kept in files]

    def _one(self, kept: KeptFile) -> Renewal:
        profile, source = kept.profile, kept.source
        if not source.file.etag and kept.path is None:
            why = "its files are not here yet: its first load fetches what is newest then"
            return Renewal(profile, source, "unknown", why)
        now = self._listed(source, "")
        if isinstance(now, NotOnHub):
            return Renewal(profile, source, "gone", now.message)
        if isinstance(now, PaddockError):
            return Renewal(profile, source, "unknown", now.message)
        offer = next(
            (one for one in now.offers + now.drafts if one.first.path == source.file.path), None
        )
        if offer is None:
            has = ", ".join(one.first.path for one in now.offers)
            return Renewal(profile, source, "gone", f"it has {has}", now)
        state: Freshness = "newer" if self._differs(kept, now, offer) else "current"
        return Renewal(profile, source, state, "", now, offer)

    def _differs(self, kept: KeptFile, now: HubRepository, offer: HubModel) -> bool:
        """The first file by its hash; of further shards, what the old commit's list says."""
        source = kept.source
        if not source.file.etag:
            return kept.path is None or not is_the_file(kept.path, offer.first)
        if offer.first.etag != source.file.etag:
            return True
        if now.commit == source.commit or not source.commit or len(offer.files) == 1:
            return False
        then = self._listed(source, source.commit)
        if isinstance(then, PaddockError):  # the old commit is gone: only the first file is known
            return False
        hashes = [
            [f.etag for f in one.files] for one in then.offers if one.first.path == offer.first.path
        ]
        return [file.etag for file in offer.files] not in hashes

    def _listed(self, source: FileSource, commit: str) -> HubRepository | PaddockError:
        key = (source.name, commit)
        if key not in self._known:
            try:
                hub = hub_of(source.name, hosts=self._hosts, environ=self._environ)
                if hub.is_offline:  # the cache says nothing of what is newer
                    raise HubUnreachable("offline mode is on (HF_HUB_OFFLINE)")
                self._known[key] = listed(hub, source.name, commit)
            except PaddockError as error:
                self._known[key] = error
        return self._known[key]
