"""Profiles whose files the hub has newer ones of: which they are, and the change to the newer ones. Prints nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from paddock.cli.offline.addition import replace_text, reread
from paddock.cli.offline.kept_files import kept_of
from paddock.cli.offline.pulling import place_for, rate_within
from paddock.cli.offline.remote_profiles import RemoteProfile
from paddock.config.ini import read_text
from paddock.config.model_places import Places
from paddock.config.profile import Problem
from paddock.config.section_edit import with_values
from paddock.errors import ConfigError
from paddock.hub.budget import Disk
from paddock.hub.library import hub_of
from paddock.hub.renewal import Renewal, Renewals
from paddock.hub.source import FileSource
from paddock.hub.transfer import Transfer

if TYPE_CHECKING:
    from paddock.cli.offline.files import Files
    from paddock.config.profile import Profile
    from paddock.hub.repository import HubFile
    from paddock.hub.transfer import PullDisplay

_MIB = 1 << 20


def renewals(files: Files, name: str | None) -> list[Renewal]:
    """Of the profile of this name, or of all that are of a hub. UnknownModel, ConfigError."""
    profiles = [files.profile(name)] if name else list(files.stable().profiles.values())
    kept = [found for one in profiles if (found := kept_of(one))]
    if not kept:
        hint = "those that `paddock pull` wrote have a `source`, others name a repository as `hf-repo`; no others can be asked about"
        raise ConfigError(f"{name or 'no profile'} is of no hub", hint=hint)
    return Renewals(files.settings.hub_hosts, os.environ).of(kept)


@dataclass(frozen=True, slots=True)
class Update:
    """The newer files of one profile, fetched beside the old ones."""

    files: Files
    profile: Profile
    renewal: Renewal
    transfer: Transfer

    @classmethod
    def of(cls, files: Files, renewal: Renewal, rate: int) -> Update:
        """`renewal`: one of state `newer`."""
        assert renewal.repository is not None
        repository, profile = renewal.repository, files.profile(renewal.profile)
        name = renewal.source.name
        hub = hub_of(name, hosts=files.settings.hub_hosts, environ=os.environ)
        place = place_for(files, hub, name, repository.commit, beside=repository.commit)
        wanted = _wanted(renewal, profile)
        disk = Disk(place.content(wanted[0]).parent, files.settings.disk_margin * _MIB)
        return cls(
            files,
            profile,
            renewal,
            Transfer(hub, name, repository.commit, place, disk, wanted, rate_within(files, rate)),
        )

    def fetch(self, display: PullDisplay) -> None:
        """The files come beside the old ones; then models.conf names them."""
        paths = self.transfer.run(display)
        self._rename(dict(zip(self.transfer.files, paths, strict=True)))

    def _rename(self, paths: dict[HubFile, Path]) -> None:
        if self.profile.hub and not self.profile.source:
            self._name_in_place_of_the_repository(paths)
            return
        config, first = self.files.paths.config, self._first
        text = read_text(config)
        if isinstance(text, Problem):
            raise ConfigError(str(text))
        source = self._source
        values = {"model": self._written(paths[first]), "source": str(source)}
        for file, path in paths.items():
            if "mmproj" in file.name.lower():
                values["mmproj"] = self._written(path)
        after = with_values(text, self.profile.id, values)
        reread(after, self.files, f"[{self.profile.id}] with its newer file")
        replace_text(config, text, after)

    def _name_in_place_of_the_repository(self, paths: dict[HubFile, Path]) -> None:
        """As `paddock pull PROFILE` does: from then on its section says by `source` what it has."""
        remote = RemoteProfile.of(self.profile.id, self.files)
        if remote is None:
            raise ConfigError(
                f"[{self.profile.id}] has its `hf-repo` from elsewhere than its own section",
                hint="write hf-repo into the section itself, then it can be updated",
            )
        projector = next((p for f, p in paths.items() if "mmproj" in f.name.lower()), None)
        remote.name_files(paths[self._first], self._source, projector)

    @property
    def _first(self) -> HubFile:
        assert self.renewal.offer is not None
        return self.renewal.offer.first

    @property
    def _source(self) -> FileSource:
        assert self.renewal.repository is not None
        return FileSource.of(self.renewal.repository, self._first)

    def _written(self, path: Path) -> str:
        return Places.beside_others(path.parent, self.files.paths).written(path)


def _wanted(renewal: Renewal, profile: Profile) -> list[HubFile]:
    """Its shards, and its projector where that came from the same repository."""
    assert renewal.offer is not None
    assert renewal.repository is not None
    wanted = list(renewal.offer.files)
    if profile.mmproj:
        named = [file for file in renewal.repository.projectors if file.name == profile.mmproj.name]
        wanted += named[:1]
    return wanted
