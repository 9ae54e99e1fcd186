"""Switches that a person asked for: owned by the daemon, so that nobody's leaving cancels them."""

import asyncio
from collections import OrderedDict
from itertools import count
from typing import Protocol

from paddock.api.types import SwitchResult
from paddock.core.model import ProfileId
from paddock.daemon.clock import Clock
from paddock.daemon.lease import Lease
from paddock.daemon.refusals import failure_of
from paddock.errors import Cancelled, NoSuchThing, PaddockError

_KEPT = 100  # ended jobs that can still be asked for


class Lessor(Protocol):
    def lease(
        self, profile: str, *, insist: bool = False, force: bool = False, is_order: bool = False
    ) -> Lease: ...


class Job:
    """One switch; `result` is true at any time."""

    def __init__(self, job_id: str, profile: ProfileId) -> None:
        self.id = job_id
        self.profile = profile
        self.result = SwitchResult(job=job_id, model=profile, outcome="running")
        self.error: PaddockError | None = None  # that it ended with
        self.task: asyncio.Task[None] | None = None
        self._done = asyncio.Event()

    async def wait(self) -> SwitchResult:
        """The result, once it is final."""
        await self._done.wait()
        return self.result

    def finish(self) -> None:
        self._done.set()

    @property
    def is_running(self) -> bool:
        return not self._done.is_set()


class Jobs:
    """All switches that were asked for by name, the last hundred ended ones included."""

    def __init__(self, lessor: Lessor, clock: Clock) -> None:
        self._lessor, self._clock = lessor, clock
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._numbers = count(1)

    def __getitem__(self, job_id: str) -> Job:
        """Raises NoSuchThing."""
        try:
            return self._jobs[job_id]
        except KeyError:
            raise NoSuchThing(f"there is no job {job_id!r}") from None

    def start(self, profile: ProfileId, *, insist: bool, force: bool = False) -> Job:
        """Begin one; it has asked for the profile when this returns."""
        job = Job(str(next(self._numbers)), profile)
        self._jobs[job.id] = job
        self._forget()
        begun = self._clock.now()
        try:
            lease = self._lessor.lease(profile, insist=insist, force=force, is_order=True)
        except PaddockError as error:
            self._note(job, error, begun)
            job.finish()
            return job
        job.task = asyncio.create_task(
            self._run(job, lease, begun)
        )  # the job keeps it; close() ends it
        return job

    async def _run(self, job: Job, lease: Lease, begun: float) -> None:
        try:
            with lease:
                await lease.wait()
                assert lease.endpoint is not None
                job.result.outcome = "ready"
                job.result.instance = lease.endpoint.instance
                job.result.seconds = round(self._clock.now() - begun, 3)
        except PaddockError as error:
            self._note(job, error, begun)
        except Exception as error:
            self._note(job, PaddockError(f"an internal fault of Paddock: {error!r}"), begun)
            raise
        finally:
            job.finish()

    def _note(self, job: Job, error: PaddockError, begun: float) -> None:
        job.result.outcome = "cancelled" if isinstance(error, Cancelled) else "failed"
        job.error, job.result.failure = error, failure_of(error)
        job.result.seconds = round(self._clock.now() - begun, 3)

    def note_restored(self, profile: ProfileId, restored: list[str]) -> None:
        """What is brought back after the failure of this profile's load."""
        for job in self._jobs.values():
            if job.profile == profile and job.is_running:
                job.result.restored = restored

    def _forget(self) -> None:
        ended = [job_id for job_id, job in self._jobs.items() if not job.is_running]
        for job_id in ended[:-_KEPT]:
            del self._jobs[job_id]

    def close(self) -> None:
        """End those that still wait; the daemon goes."""
        for job in self._jobs.values():
            if job.task:
                job.task.cancel()
