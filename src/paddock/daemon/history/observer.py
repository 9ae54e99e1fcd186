"""Describes loads for the history: where each lies, beside whom, and who else works on its devices."""

import os
from functools import partial

from paddock.api.placement import LoadEntry, Placement
from paddock.config.profile import Profile
from paddock.core.live import Live, Serving
from paddock.core.model import HOST, Cause, DeviceId
from paddock.core.scheduler import Scheduler
from paddock.daemon.clock import timestamp
from paddock.daemon.history.case import LoadCase
from paddock.daemon.instances.instance import Instance
from paddock.daemon.memory.ledger import Ledger
from paddock.daemon.memory.plans import ProfilePlans
from paddock.daemon.profiles.roster import Roster
from paddock.engine.compiled import gpu_backends
from paddock.errors import PaddockError
from paddock.host.run_queue import waited
from paddock.llama.fit import HOST as HOST_NAME
from paddock.placement.choice import mismatch
from paddock.placement.devices import gpu_ids, held_by
from paddock.placement.overcommit import overcommitted
from paddock.placement.sizes import streams_of
from paddock.placement.tensor_parallel import is_tensor_parallel
from paddock.placement.verify_load import Load


class Observer:
    """Reads the books, the ledger and the plans; remembers nothing."""

    def __init__(
        self, ledger: Ledger, scheduler: Scheduler, roster: Roster, plans: ProfilePlans
    ) -> None:
        self._ledger, self._scheduler = ledger, scheduler
        self._roster, self._plans = roster, plans

    # ---- where it lies ----

    def entry(
        self, instance: Instance, outcome: str, seconds: float, cause: Cause | None
    ) -> LoadEntry:
        """What the history keeps of a load that came to this end after so many seconds."""
        record = instance.record
        return LoadEntry(
            instance=record.instance,
            profile=record.profile,
            fingerprint=record.recipe or record.fingerprint,
            engine=record.engine,
            engine_version=record.engine_version,
            devices=self._ledger.device_set,
            ended_at=timestamp(),
            seconds=seconds,
            outcome=outcome,
            cause=cause.message if cause else "",
            placement=record.placement or instance.placement.placement,
        )

    def case(self, instance: Instance) -> LoadCase:
        """A load that has just got ready, to be measured and judged."""
        profile = self._roster.stable.find(instance.profile)
        return LoadCase(
            instance=instance,
            load=self._load(instance, profile),
            plan=self._plans.engine_plan(instance.record.fingerprint),
            expected=profile.expected_speed if profile else None,
            swapped_before=self._ledger.memory.pages_swapped_in,
        )

    def _load(self, instance: Instance, profile: Profile | None) -> Load:
        record, reader = instance.record, instance.placement
        known = self._ledger.readings
        devices = list(reader.devices.values())
        ids = self._ledger.ids(record.worker, [d.name for d in devices], devices)
        readings = {name: known[id_] for name, id_ in ids.items() if id_ in known}
        is_same = profile is not None and profile.fingerprint == record.fingerprint
        own = profile if is_same else None
        return Load(
            profile=record.profile,
            fingerprint=record.recipe or record.fingerprint,
            engine_version=record.engine_version,
            devices=self._ledger.device_set,
            placement=reader.placement,
            ctx_asked=own.ctx_size if own else None,
            streams=streams_of(own) if own else 1,
            unmatched_choice=self._unmatched(own, reader.placement) if own else "",
            overcommitted=overcommitted(
                reader.placement,
                readings,
                {name: self._of_others(instance, r.id) for name, r in readings.items()},
            ),
            has_projector=own is not None and own.mmproj is not None,
            is_tensor_parallel=own is not None and is_tensor_parallel(own),
            foreign={name: (r.foreign_mib or 0, held_by(r.takers)) for name, r in readings.items()},
            beside={
                name: who for name, r in readings.items() if (who := self._beside(instance, r.id))
            },
        )

    def _unmatched(self, profile: Profile, placement: Placement) -> str:
        """What is chosen for its engine and not there, in words."""
        try:
            engine = self._roster.engine(profile)
        except PaddockError:
            return ""
        seen = {*placement.free, *(buffer.device for buffer in placement.buffers)} - {HOST_NAME}
        has_gpus = bool(gpu_ids(self._ledger.readings))
        compiled, own = partial(gpu_backends, engine), dict(engine.env)
        if not placement.buffers:
            return ""
        return mismatch(profile, os.environ, own, seen, has_gpus=has_gpus, compiled=compiled)

    def _beside(self, instance: Instance, device: DeviceId) -> str:
        """Who else of ours lies on this device."""
        others = [x for x in self._scheduler.live.values() if x.id != instance.id]
        return ", ".join(sorted(x.profile for x in others if x.demand.get(device)))

    def _of_others(self, instance: Instance, device: DeviceId) -> int:
        """MiB of this device that others of ours hold."""
        others = [x for x in self._scheduler.live.values() if x.id != instance.id]
        return sum(x.demand.get(device, 0) for x in others)

    # ---- how it works ----

    def is_alone(self, instance: Instance) -> bool:
        """Whether it serves one request and nobody else works on its devices: then its speed is its own."""
        own = self._scheduler.live.get(instance.id)
        if own is None or (isinstance(own.state, Serving) and len(own.state.leases) > 1):
            return False
        live = self._scheduler.live
        busy = [x for x in live.values() if x is not own and _is_busy(x)] if len(live) > 1 else ()
        if not busy:
            return True
        devices = {d for d, mib in own.demand.items() if mib} - {HOST} or {HOST}
        return not any(live.demand.get(device) for live in busy for device in devices)

    def waited(self, instance: Instance) -> float | None:
        """Seconds that it has waited for a CPU so far; None where nobody knows."""
        return waited(instance.record.worker)

    def note_throttling(self, case: LoadCase) -> None:
        """Note whether its GPUs are throttled just now, right after a request."""
        own = self._scheduler.live.get(case.instance.id)
        if own is None or not case.generation:
            return
        for device, what in self._ledger.telemetry().items():
            if own.demand.get(device):
                case.throttled.update(what.throttled)

    def swapped(self, case: LoadCase) -> int:
        """Pages that the machine read from swap since it got ready."""
        now = self._ledger.memory.pages_swapped_in
        return 0 if now is None or case.swapped_before is None else now - case.swapped_before


def _is_busy(live: Live) -> bool:
    """Whether it works, loads or ends."""
    return not isinstance(live.state, Serving) or bool(live.state.leases)
