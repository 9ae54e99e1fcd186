"""From a hub's name to a profile: the plan before the download, the files, the section. Prints nothing.

Start at `PullPlan.of`. A daemon's status is used where one is given; none is needed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from paddock.atomic_write import atomic_write
from paddock.cli.offline.addition import addition_of_file, append
from paddock.cli.offline.inquiry import machine_by_drivers
from paddock.cli.offline.kept_speeds import kept_speeds
from paddock.config.router_names import DEFAULT_QUANTS
from paddock.errors import ConfigError, PaddockError
from paddock.hub.budget import Disk
from paddock.hub.expectation import MeasuredModel, machine_from, pushed_out, speed_class
from paddock.hub.headers import RemoteHeaders
from paddock.hub.library import Hub, hub_of
from paddock.hub.listing import listed
from paddock.hub.names import HubName, parsed
from paddock.hub.places import HubCache, ModelsFolder, Place
from paddock.hub.proposal import Chooser, PullProposal, fit_of
from paddock.hub.source import FileSource
from paddock.hub.transfer import PullDisplay, Transfer
from paddock.llama.facts import read
from paddock.placement.draft import Context
from paddock.placement.estimate import estimated

if TYPE_CHECKING:
    from paddock.api.placement import Plan
    from paddock.api.types import ProfileInfo, Status
    from paddock.cli.offline.addition import Addition
    from paddock.cli.offline.files import Files
    from paddock.cli.offline.inquiry import InquiryProgress
    from paddock.config.profile import Profile
    from paddock.hub.expectation import SpeedClass
    from paddock.hub.proposal import Contender, Fit
    from paddock.placement.draft_machine import Machine

_MIB = 1 << 20
_NEW_FILE = (
    "# Profiles of Paddock; `paddock pull` began this file. A section is a profile, its name the model id that\n"
    "# clients send. All keys: docs/configuration.md\n"
)


@dataclass(frozen=True, slots=True)
class KnownDaemon:
    """What a daemon that answered says."""

    status: Status
    profiles: Sequence[ProfileInfo]

    def speeds(self) -> dict[str, float]:
        """Generated tokens/s of each profile that was measured."""
        return {
            one.id: one.speed.generation
            for one in self.profiles
            if one.speed and one.speed.generation
        }


@dataclass(frozen=True, slots=True)
class PullPlan:
    """What a pull would fetch, and what that would be on this machine."""

    files: Files
    hub: Hub
    proposal: PullProposal
    transfer: Transfer
    speed: SpeedClass | None  # of the chosen one
    leavers: tuple[str, ...] | None  # profiles that would have to leave for it; None: no daemon

    @classmethod
    def of(
        cls,
        text: str,
        files: Files,
        *,
        daemon: KnownDaemon | None,
        rate: int = 0,
        as_llama_server: bool = False,
    ) -> PullPlan:
        """Asks the hub; fetches headers and no weights.

        `as_llama_server`: without a quantisation the one that `llama-server -hf` takes, in place of the best here.
        """
        settings = files.settings
        name = parsed(text)
        hub = hub_of(name, hosts=settings.hub_hosts, environ=os.environ)
        repository = listed(hub, name)
        if as_llama_server:
            repository.choose_as_llama_server(DEFAULT_QUANTS)
        machine = machine_from(daemon.status) if daemon else machine_by_drivers()
        folder = files.paths.state_dir / "headers"
        headers = RemoteHeaders(hub, repository.name, repository.commit, folder)
        proposal = Chooser(repository, headers, machine).proposal()
        chosen = proposal.chosen
        place = place_for(files, hub, name, repository.commit)
        transfer = transfer_of(files, hub, name, repository.commit, place, chosen, rate=rate)
        speeds = daemon.speeds() if daemon else kept_speeds(files.paths.state_dir)
        known = measured(files, speeds, machine)
        leavers = tuple(pushed_out(chosen.plan, daemon.status)) if daemon else None
        speed = speed_class(chosen.facts, chosen.fit, known)
        return cls(files, hub, proposal, transfer, speed, leavers)

    @property
    def chosen(self) -> Contender:
        return self.proposal.chosen

    @property
    def source(self) -> FileSource:
        return FileSource.of(self.proposal.repository, self.chosen.offer.first)

    def profile_that_has_it(self) -> str:
        """The profile that was made of this very file; "" where there is none."""
        if not self.files.paths.config.exists():
            return ""
        wanted = (self.source.name.repository, self.source.file.path, self.source.file.etag)
        for profile in self.files.stable().profiles.values():
            own = FileSource.parsed(profile.source)
            if own and (own.name.repository, own.file.path, own.file.etag) == wanted:
                return profile.id
        return ""

    def fetched(self, display: PullDisplay) -> list[Path]:
        """The files under their final names, the model's first one first."""
        return self.transfer.run(display)

    def addition(
        self, model: Path, *, name: str | None, progress: InquiryProgress, alias: str = ""
    ) -> Addition:
        """The profile for it, as `paddock add` makes one, not written yet."""
        begin_conf(self.files.paths.config)
        return addition_of_file(
            model,
            self.files,
            name=name,
            progress=progress,
            source=str(self.source),
            alias=alias,
        )

    def written(self, addition: Addition) -> None:
        append(addition)


def place_for(files: Files, hub: Hub, name: HubName, commit: str, *, beside: str = "") -> Place:
    """Where the settings want it; in offline mode the cache, which has it."""
    if files.settings.pull_into == "models" and not hub.is_offline:
        return ModelsFolder(files.paths.models_dir, name, beside)
    return HubCache.of(name, commit, hub, os.environ)


def transfer_of(
    files: Files,
    hub: Hub,
    name: HubName,
    commit: str,
    place: Place,
    chosen: Contender,
    *,
    rate: int,
) -> Transfer:
    folder = place.content(chosen.offer.first).parent
    disk = Disk(folder, files.settings.disk_margin * _MIB)
    return Transfer(hub, name, commit, place, disk, chosen.files, rate_within(files, rate))


def rate_within(files: Files, rate: int) -> int:
    """Bytes a second at most: as was asked for, else as the settings say; 0 is no bound."""
    return rate or round(files.settings.pull_rate * _MIB)


def forgotten(text: str, files: Files) -> int:
    """Delete what has come of unfinished downloads of a repository; bytes that this freed."""
    name = parsed(text)
    hub = hub_of(name, hosts=files.settings.hub_hosts, environ=os.environ)
    repository = listed(hub, name)
    place = place_for(files, hub, name, repository.commit)
    offers = [repository.wanted()] if name.file or name.quantisation else repository.offers
    wanted = [file for offer in offers if offer for file in offer.files]
    freed = 0
    for partial in map(place.partial, [*wanted, *repository.projectors]):
        with suppress(OSError):
            size = partial.lstat().st_blocks * 512
            partial.unlink()
            freed += size
    return freed


def begin_conf(config: Path) -> None:
    """Have a models.conf: a pull may be the first thing that somebody does."""
    if not config.exists():
        try:
            atomic_write(config, _NEW_FILE.encode())
        except OSError as error:
            raise ConfigError(f"{config} cannot be written: {error.strerror}") from error


def measured(files: Files, speeds: dict[str, float], machine: Machine) -> list[MeasuredModel]:
    """The profiles whose speed was measured here, with what their headers say."""
    if not speeds or not files.paths.config.exists():
        return []
    try:
        profiles = files.stable().profiles
    except PaddockError:  # a broken file of profiles keeps nobody from a new model
        return []
    wanted = [profiles[name] for name in speeds if name in profiles]
    return list(_with_facts(wanted, speeds, files, machine))


def _with_facts(
    profiles: Iterable[Profile], speeds: dict[str, float], files: Files, machine: Machine
) -> Iterable[MeasuredModel]:
    for profile in profiles:
        if profile.model is None:
            continue
        try:
            facts = read(profile.model, cache_dir=files.paths.state_dir)
        except PaddockError:
            continue
        plan = estimated(profile, facts, machine.circumstances)
        yield MeasuredModel(facts, _fit(plan, machine), speeds[profile.id])


def _fit(plan: Plan, machine: Machine) -> Fit:
    return fit_of(plan, Context(plan.n_ctx or 0, "trained"), has_cards=bool(machine.cards))


def rate_of(text: str) -> int:
    """Bytes a second: `20M`, `500K`, `1.5G`, or a number of bytes."""
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    plain = text.strip().upper().removesuffix("/S").removesuffix("IB").removesuffix("B")
    unit = units.get(plain[-1:], 1)
    try:
        value = float(plain.rstrip("KMG")) * unit
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise ConfigError(f"--rate {text} is no rate", hint="write bytes a second, as 20M or 500K")
    return max(1, int(value))
