"""What a plan says of a trial before it is loaded: that it cannot be, that it is another one, or no better. Pure.

Only what is sure is pruned. A placement with more in RAM is slower where all else is alike; not on RPC devices,
which may be slower than RAM themselves.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from paddock.api.placement import Plan
from paddock.api.tunings import Changes, Goal, TuningTrial

# Of these flags nothing matters but where they lay what; the plan has that.
_PLACING = {"fit-target", "n-cpu-moe", "cpu-moe", "override-tensor", "n-gpu-layers", "tensor-split"}
_HOST = "host"


@dataclass(frozen=True, slots=True)
class Planned:
    """A trial whose speed is known, and its plan."""

    trial: TuningTrial
    plan: Plan


@dataclass(frozen=True, slots=True)
class Pruned:
    """Not to be loaded; `same_as`: the trial that it is."""

    why: str
    same_as: TuningTrial | None = None


def pruned(
    plan: Plan, changes: Changes, known: Iterable[Planned], goal: Goal, best: TuningTrial | None
) -> Pruned | None:
    """Why it need not be loaded; None: it must be. `known`: what was measured; `best`: so far."""
    if not plan.fits:
        return Pruned(f"does not fit: {plan.refusal or '; '.join(plan.warnings) or 'by its plan'}")
    if plan.source != "engine":
        return None  # an estimate proves nothing
    if goal == "context" and (found := _no_more_context(plan, changes, known, best)):
        return found
    others = [one for one in known if _others(one.trial.changes) == _others(changes)]
    for one in others:
        if placement_of(one.plan) == placement_of(plan):
            return Pruned(f"lies as trial {one.trial.number}", one.trial)
    for one in others:
        if is_more_in_ram(plan, one.plan):
            return Pruned(f"more of it would lie in RAM than in trial {one.trial.number}")
    return None


def placement_of(plan: Plan) -> tuple[object, ...]:
    """What two loads that lie alike have in common."""
    devices = [(d.id or d.device, d.model, d.context, d.compute, d.layers) for d in plan.devices]
    return (*devices, plan.n_ctx, plan.experts_in_ram, plan.layers_on_devices, plan.graph_splits)


def is_more_in_ram(plan: Plan, other: Plan) -> bool:
    """Whether it has strictly more weights in RAM than `other`, and nothing that makes up for it."""
    if plan.source != "engine" or other.source != "engine":
        return False
    if any(device.id.startswith("RPC") or device.in_ram for device in plan.devices):
        return False
    in_ram, others = _in_ram(plan), _in_ram(other)
    if in_ram is None or others is None or in_ram <= others:
        return False
    is_no_better = (
        plan.experts_in_ram >= other.experts_in_ram
        and (plan.layers_on_devices or 0) <= (other.layers_on_devices or 0)
        and (plan.graph_splits or 0) >= (other.graph_splits or 0)
    )
    return is_no_better and (plan.n_ctx or 0) <= (other.n_ctx or 0)


def _no_more_context(
    plan: Plan, changes: Changes, known: Iterable[Planned], best: TuningTrial | None
) -> Pruned | None:
    planned = next((one for one in known if best and one.trial.number == best.number), None)
    if planned is None or not plan.n_ctx or not planned.plan.n_ctx or not changes:
        return None
    if plan.n_ctx <= planned.plan.n_ctx:
        return Pruned(f"has no more context than trial {planned.trial.number}")
    return None


def _others(changes: Changes) -> Mapping[str, str | None]:
    return {flag: value for flag, value in changes.items() if flag not in _PLACING | {"ctx-size"}}


def _in_ram(plan: Plan) -> int | None:
    host = next((device for device in plan.devices if device.id == _HOST), None)
    return host.model if host else None
