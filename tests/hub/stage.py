"""What tests of downloads share: a hub with one repository, and a transfer from it into a folder."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from paddock.hub.budget import Disk
from paddock.hub.download import Patience
from paddock.hub.library import Hub, hub_of
from paddock.hub.listing import listed
from paddock.hub.meter import PullProgress
from paddock.hub.names import parsed
from paddock.hub.places import HubCache, ModelsFolder, Place
from paddock.hub.repository import HubRepository
from paddock.hub.transfer import Transfer
from tests.hub.fake_hub import FakeHub

HASTY = Patience(tries=3, first=0.0, most=0.0)  # no waiting between tries


@dataclass
class Watching:
    """A display that remembers."""

    seen: list[PullProgress] = field(default_factory=list)

    def show(self, progress: PullProgress) -> None:
        self.seen.append(progress)


@dataclass
class Stage:
    """A hub's repository and a folder for its files."""

    fake: FakeHub
    top: Path
    into: str = "models"
    name: str = "acme/Parrot-GGUF"
    watching: Watching = field(default_factory=Watching)

    def hub(self) -> Hub:
        return hub_of(parsed(self.name), environ={**os.environ, "HF_ENDPOINT": self.fake.url})

    def repository(self) -> HubRepository:
        return listed(self.hub(), parsed(self.name))

    def place(self, repository: HubRepository, *, beside: str = "") -> Place:
        if self.into == "models":
            return ModelsFolder(self.top, repository.name, beside)
        return HubCache(self.top, repository.name, repository.commit, self.hub())

    def transfer(self, *, margin: int = 0, rate: int = 0, patience: Patience = HASTY) -> Transfer:
        repository = self.repository()
        offer = repository.wanted() or repository.offers[0]
        disk = Disk(self.top, margin)
        place = self.place(repository)
        return Transfer(
            self.hub(), repository.name, repository.commit, place, disk, offer.files, rate, patience, Event()
        )  # fmt: skip

    def pulled(self) -> list[Path]:
        return self.transfer().run(self.watching)

    def leftovers(self) -> list[Path]:
        return [path for path in self.top.rglob("*") if path.name.endswith(".incomplete")]
