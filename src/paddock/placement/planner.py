"""Makes plans: asks the profile's engine, falls back on the facts of the file. Blocking.

The scheduler must know what a profile takes when all our own instances have left, before it stops any
of them. While some are resident, the engine sees less free
memory than that. Then fit's targets are lowered by what they hold, below zero if need be (build
11434 reads `--fit-target` with `stoull`, computes in int64, and so takes negative ones), and the
split over several devices is given as their free memory would make it.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path

from paddock.api.placement import Plan
from paddock.config.profile import Profile
from paddock.engine.compiled import gpu_backends
from paddock.engine.engine import Engine
from paddock.engine.environment import NO_GPU, engine_environment
from paddock.engine.launch import rehearsal
from paddock.llama.facts import read_once
from paddock.llama.fit import Fit
from paddock.llama.gguf import Facts, GgufError, is_there
from paddock.placement.choice import mismatch
from paddock.placement.devices import fits_itself, gpu_ids, ids_of, margins_of
from paddock.placement.estimate import estimated
from paddock.placement.over_network import network_notes
from paddock.placement.plan_cache import PlanCache, holds, key_of
from paddock.placement.planning import Circumstances, plan_of
from paddock.placement.refused import note_refused, refused
from paddock.placement.rehearsal import CANCELLED, Rehearsal, RehearsalOutcome
from paddock.placement.replay import own_weights, replay_of
from paddock.placement.tensor_parallel import is_tensor_parallel
from paddock.scratch import scratch

_SPLIT_IS_SET = "tensor_split already set by user"
_SPLITTERS = ("--tensor-split", "--override-tensor", "--cpu-moe", "--n-cpu-moe", "--split-mode")


class Planner:
    """One plan at a time; `cancel` may come from another thread."""

    def __init__(
        self, cache: PlanCache | None = None, environ: Mapping[str, str] = os.environ
    ) -> None:
        self._cache = cache
        self._environ = engine_environment(environ) | {"LLAMA_SERVER_ROUTER_PORT": "1"}
        self._lock = threading.Lock()
        self._current: Rehearsal | None = None
        self._generation = 0  # of cancellations: a plan that was begun before one ends

    def remembered(self, profile: Profile, engine: Engine, around: Circumstances) -> Plan | None:
        """The plan that was made before, if it still holds."""
        plan = self._cache.find(self._key(profile, engine)) if self._cache else None
        if plan is None or plan.refusal or not holds(plan, around.readings):
            return None
        plan.profile = profile.id  # another one with the same command line may have made it
        return plan

    def plan(
        self, profile: Profile, engine: Engine, facts: Facts | None, around: Circumstances
    ) -> Plan:
        """The engine's plan, cached or made now; where it gives none, an estimate that says why."""
        if known := self.remembered(profile, engine, around):
            return known
        begun = time.monotonic()
        outcome = self._ask(profile, engine, around)
        if outcome.fit is None:
            plan = estimated(profile, facts, around)
            plan.notes = [f"an estimate: {outcome.reason}", *plan.notes]
            plan.refusal = outcome.refusal
            plan.fits = plan.fits and not outcome.refusal
        else:
            plan = plan_of(profile, outcome.fit, around)
            note_refused(plan, refused(outcome.fit, partial(_header, profile, facts)))
            plan.warnings += self._unmatched(profile, engine, outcome.fit, around)
            plan.replay = replay_of(profile, engine, outcome.fit)
            plan.replay_weights = own_weights(outcome.fit) if plan.replay else {}
        plan.notes += network_notes(plan, facts)
        plan.engine, plan.engine_version = engine.name, engine.version
        plan.made_at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        plan.seconds = round(time.monotonic() - begun, 3)
        if outcome.fit or outcome.refusal:
            self.remember(profile, engine, plan)
        return plan

    def remember(self, profile: Profile, engine: Engine, plan: Plan) -> None:
        """Keep it in place of the one that is remembered."""
        if self._cache:
            self._cache.put(self._key(profile, engine), plan)

    def forget(self, profile: Profile, engine: Engine) -> None:
        """Have it planned anew, whatever is remembered."""
        if self._cache:
            self._cache.drop(self._key(profile, engine))

    def _unmatched(
        self, profile: Profile, engine: Engine, fit: Fit, around: Circumstances
    ) -> list[str]:
        has_gpus = bool(gpu_ids(around.readings))
        own, seen = dict(engine.env), {device.name for device in fit.devices}
        compiled = partial(gpu_backends, engine)
        found = mismatch(profile, self._environ, own, seen, has_gpus=has_gpus, compiled=compiled)
        return [found] if found else []

    def _key(self, profile: Profile, engine: Engine) -> str:
        return key_of(profile, engine, {**self._environ, **dict(engine.env)})

    def refused_before(self, profile: Profile, engine: Engine) -> bool:
        """Whether this engine, when it was last asked, could not load these files."""
        plan = self._cache.find(self._key(profile, engine)) if self._cache else None
        return bool(plan and plan.refusal)

    def refusal(self, profile: Profile, engine: Engine) -> str | None:
        """Why the engine cannot load these files, in its own words; empty where it does not say so.

        It is asked without GPUs, so it takes none of their memory; not at all where that cannot
        be: a container sees what it was given, an RPC server answers one client at a time. None where
        it was cancelled.
        """
        if engine.kind == "container" or profile.flag("--rpc"):
            return ""
        outcome = self._ask(profile, engine, Circumstances({}, {}, {}), blind=True)
        return None if outcome.reason == CANCELLED else outcome.refusal

    def cancel(self) -> None:
        """End what is being planned, at once: its GPU memory is wanted."""
        with self._lock:
            self._generation += 1
            if self._current:
                self._current.cancel()

    # ---- asking the engine ----

    def _ask(
        self, profile: Profile, engine: Engine, around: Circumstances, *, blind: bool = False
    ) -> RehearsalOutcome:
        if reason := _unaskable(profile, engine):
            return RehearsalOutcome(None, reason)
        environ = {**self._environ, **dict(engine.env), **(NO_GPU if blind else {})}
        with scratch("plan") as folder:
            outcome = self._try(profile, engine, around, folder, environ)
        if outcome.fit or outcome.reason == CANCELLED:
            return outcome
        named = f"{engine.name} {engine.version}: {outcome.reason}"
        return RehearsalOutcome(None, named, quoted(engine, outcome.refusal))

    def _try(
        self,
        profile: Profile,
        engine: Engine,
        around: Circumstances,
        folder: Path,
        environ: Mapping[str, str],
    ) -> RehearsalOutcome:
        generation, fits = self._generation, fits_itself(profile)
        numbers = count(1)

        def run(*changes: str) -> RehearsalOutcome:
            # A socket of its own each time, as one that is left behind is in the way; llama-server
            # takes only what ends so for a Unix socket.
            socket = str(folder / f"{next(numbers)}.sock")
            argv = rehearsal(engine, profile, socket=socket, changes=("--fit", "on", *changes))
            return self._run(argv, environ, generation, fits=fits)

        outcome = run()
        if outcome.fit and fits and _are_shared(outcome.fit, around):
            return _as_if_alone(profile, outcome.fit, around, run)
        return outcome

    def _run(
        self, argv: Sequence[str], environ: Mapping[str, str], generation: int, *, fits: bool
    ) -> RehearsalOutcome:
        with self._lock:
            if generation != self._generation:
                return RehearsalOutcome(None, CANCELLED)
            current = self._current = Rehearsal()
        try:
            return current.run(argv, environ, fits=fits)
        finally:
            with self._lock:
                self._current = None


def _header(profile: Profile, known: Facts | None) -> Facts | None:
    """What the model's header says, read now where nobody has read it."""
    if known is None and profile.model:
        with suppress(GgufError, OSError):
            return read_once(profile.model)
    return known


def quoted(engine: Engine, words: str) -> str:
    """An engine's message, with the name of the engine."""
    return f"{engine.name} {engine.version} says: {words}" if words else ""


def _are_shared(fit: Fit, around: Circumstances) -> bool:
    """Whether instances of ours lie on its devices now."""
    return any(around.ours.get(id_) for id_ in ids_of(fit.devices, around.readings).values())


def _as_if_alone(
    profile: Profile,
    fit: Fit,
    around: Circumstances,
    run: Callable[..., RehearsalOutcome],
) -> RehearsalOutcome:
    """The outcome as if our instances had left."""
    free = _free_then(fit, around)
    targets = ("--fit-target", ",".join(map(str, _targets(profile, fit, free))))
    if len(fit.devices) > 1 and not any(profile.flag(name) for name in _SPLITTERS):
        split = ("--tensor-split", ",".join(map(str, free)))
        alone = run(*targets, *split)
        if alone.fit and _SPLIT_IS_SET not in alone.fit.complaint:
            return alone
    return run(*targets)


def _free_then(fit: Fit, around: Circumstances) -> list[int]:
    """MiB that the engine would see free of each device, in its own order.

    Never more than its driver reports: what our instances held at the last reading may be free already.
    """
    ids = ids_of(fit.devices, around.readings)
    return [
        min(
            device.free_mib + around.ours.get(ids[device.name], 0),
            device.total_mib or sys.maxsize,
            max(device.free_mib, around.available(device, ids[device.name])),
        )
        for device in fit.devices
    ]


def _targets(profile: Profile, fit: Fit, free: Sequence[int]) -> list[int]:
    margins = margins_of(profile)
    return [
        margins.at(place) - (then - device.free_mib)
        for place, (device, then) in enumerate(zip(fit.devices, free, strict=True))
    ]


def _unaskable(profile: Profile, engine: Engine) -> str:
    """Why the engine cannot be asked; empty where it can."""
    if profile.model is None:
        return "its model is not here yet: it is fetched before the first load"
    if not is_there(profile.model):
        return f"there is no {profile.model}"
    if is_tensor_parallel(profile):
        return "llama.cpp's fit, which would measure it, does not work with SPLIT_MODE = tensor"
    if engine.flags.find("fit") is None:
        return f"{engine.name} {engine.version} has no --fit"
    return ""
