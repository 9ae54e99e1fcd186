"""Starts loads with the placement of their plan where that holds, and drops plans that did not."""

import logging
from collections.abc import Collection

from paddock.config.profile import Profile
from paddock.core.model import Demand, DeviceId, InstanceId
from paddock.core.scheduler import Scheduler
from paddock.daemon.faults import Faults
from paddock.daemon.memory.ledger import Ledger
from paddock.daemon.memory.plans import ProfilePlans
from paddock.daemon.memory.sampler import Sampler
from paddock.engine.engine import Engine
from paddock.placement.replayable import Replay, obstacle, replay

_log = logging.getLogger(__name__)


class Replays:
    """Which loads need no search. Reads the devices anew for each."""

    def __init__(
        self,
        plans: ProfilePlans,
        ledger: Ledger,
        sampler: Sampler,
        scheduler: Scheduler,
        faults: Faults,
    ) -> None:
        self._plans, self._ledger = plans, ledger
        self._sampler, self._scheduler, self._faults = sampler, scheduler, faults

    def of(
        self,
        profile: Profile,
        engine: Engine,
        instance: InstanceId,
        *,
        leavers: Collection[InstanceId] = (),
    ) -> Replay | None:
        """What this load is given of its plan; None: fit searches, as without Paddock.

        `leavers`: those whose memory will be free before it allocates any.
        """
        with self._faults.caught("plans"):  # what cannot be compared is searched anew
            return self._of(profile, engine, instance, {instance, *leavers})
        return None

    def _of(
        self, profile: Profile, engine: Engine, instance: InstanceId, apart: Collection[InstanceId]
    ) -> Replay | None:
        plan = self._plans.engine_plan(profile.fingerprint)
        if plan is None or profile.replay_fit == "off" or engine.kind == "container":
            return None
        self._sampler.measure()  # what was free ten seconds ago may be another program's now
        if why := obstacle(plan, self._ledger.readings, self._beside(apart)):
            _log.info("fit searches anew for %s: %s", instance, why)
            return None
        return replay(plan, self._ledger.readings)

    def drop(self, profile: Profile, engine: Engine) -> None:
        """Its plan did not hold: it is made anew when nothing loads."""
        self._plans.drop(profile, engine)

    def disprove(self, profile: Profile, engine: Engine, difference: str) -> None:
        """Its plan's flags placed it otherwise: loads search until there is another plan."""
        self._plans.without_replay(profile, engine, difference)

    def _beside(self, apart: Collection[InstanceId]) -> Demand:
        """MiB by device of everybody else, also of who is ending: it is booked until its memory is free."""
        others: dict[DeviceId, int] = {}
        for live in self._scheduler.live.values():
            if live.id not in apart:
                for device, mib in live.demand.items():
                    others[device] = others.get(device, 0) + mib
        return others
