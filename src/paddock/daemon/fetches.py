"""Models of profiles that name a repository (`hf-repo`): fetched before they are loaded, by the daemon's own downloads.

Before anybody has to leave for the load: a download takes longer than any. Where the extra `[hub]` is missing, an engine that
downloads by itself does it, without a plan and without progress.
"""

import asyncio

from paddock.api.pulls import PullInfo
from paddock.config.model_files import is_there
from paddock.config.profile import Profile
from paddock.core.effects import SwitchDone
from paddock.core.model import Cause, InstanceId, ProfileId
from paddock.daemon.activity.pull_book import PullBook
from paddock.daemon.activity.switches import Switches
from paddock.daemon.faults import Faults
from paddock.daemon.profiles.roster import Roster
from paddock.daemon.pulls import Pulls
from paddock.daemon.reports.publisher import Publisher
from paddock.errors import Cancelled, EngineError, FetchFailed, PaddockError
from paddock.extras import install_command
from paddock.hub.extra import is_installed
from paddock.hub.refusals import HubMissing


class Fetches:
    """One download for all who wait for a profile; whoever leaves ends none."""

    def __init__(
        self,
        pulls: Pulls,
        book: PullBook,
        roster: Roster,
        switches: Switches,
        publisher: Publisher,
        faults: Faults,
    ) -> None:
        self._pulls, self._book, self._roster = pulls, book, roster
        self._switches, self._publisher, self._faults = switches, publisher, faults
        self._tasks: dict[ProfileId, asyncio.Task[None]] = {}

    def is_needed(self, name: ProfileId) -> bool:
        """Whether its files must come from a hub before it can be loaded, and not by its engine.

        HubMissing where nobody can fetch them.
        """
        profile = self._roster.stable.find(name)
        if profile is None or not profile.hub or (profile.model and is_there(profile.model)):
            return False
        if is_installed():
            return True
        if profile.model is None and self._engine_fetches(profile):
            return False
        raise HubMissing(
            f"[{name}] names {profile.hub}, which is not here, and a download needs the library huggingface_hub",
            hint=f"{install_command('hub')}, and start the daemon again; or fetch the file and name it as MODEL",
        )

    def _engine_fetches(self, profile: Profile) -> bool:
        try:
            return self._roster.engine(profile).kind != "embedded"
        except EngineError:
            return False  # said where it is begun

    async def fetched(self, name: ProfileId) -> None:
        """Its files are here and models.conf names them when this returns. Raises the PaddockError of the download."""
        task = self._tasks.get(name)
        if task is None or task.done():
            task = self._tasks[name] = asyncio.create_task(self._fetch(name))
            self._switches.begin(name)
        await asyncio.shield(task)

    async def _fetch(self, name: ProfileId) -> None:
        profile = self._roster[name]
        pull = self._pulls.start(profile.hub, files_only=True)
        self._book.want(name, pull.id)
        self._publisher.queue_changed()
        try:
            ended = await self._pulls.wait(pull.id)
        finally:
            self._book.want_no_more(name)
        if ended.state == "done" and not self.is_needed(name):
            return
        error = _error(name, ended)
        self._note_failure(name, error)
        raise error

    def _note_failure(self, name: ProfileId, error: PaddockError) -> None:
        cause = Cause(error.code, error.message, error.hint)
        nobody = InstanceId("")
        done = (
            SwitchDone(name, nobody, "cancelled")
            if isinstance(error, Cancelled)
            else SwitchDone(name, nobody, "failed", cause)
        )
        self._publisher.switch_ended(done, self._switches.end(name))

    def cancel(self, name: ProfileId) -> None:
        """End the download that this profile waits for, if it does; what has come stays."""
        if pull := self._book.wanted_by(name):
            self._pulls.cancel(pull.id)

    async def close(self) -> None:
        """The daemon goes: nobody waits any more."""
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values())


def _error(name: ProfileId, ended: PullInfo) -> PaddockError:
    if ended.failure:
        why = ended.failure
        return FetchFailed(f"the files of [{name}] were not fetched: {why.message}", hint=why.hint)
    if ended.state == "cancelled":
        return Cancelled(f"the download of {ended.model} was cancelled")
    if ended.state == "paused":
        hint = "go on with it, or ask again, which does"
        return Cancelled(f"the download of {ended.model} was paused", hint=hint)
    return FetchFailed(
        f"{ended.model} was fetched, and its files are not found where [{name}] looks for them",
        hint="look at HF_HUB_CACHE, HF_HOME and LLAMA_CACHE of the daemon, and at models-dir",
    )
