"""Weights that a device refuses and that lie in RAM, though their layers are on the device. Pure.

A backend may not support a type, or allocate no buffer of that size. llama.cpp then takes the next buffer that
works, mostly the processor's, and computes there; its count of layers on devices says nothing of it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from paddock.api.placement import Plan
from paddock.figures.units import count
from paddock.llama.fit import HOST, Elsewhere, Fit
from paddock.llama.gguf import Facts
from paddock.placement.words import gib

_MIB = 1 << 20
# MiB, and of what lies in RAM: by so much a sum of the header may be wrong.
_CLOSE, _SHARE = 16, 0.02


@dataclass(frozen=True, slots=True)
class Refused:
    """`mib` is 0 where the header does not say how much it is."""

    mib: int
    what: str = ""  # `output.weight (q6_K) and 8 others`, where llama.cpp names one of them


def refused(fit: Fit, header: Callable[[], Facts | None]) -> Refused | None:
    """What devices refuse in this placement; None where they take all that they should. `header`: of the model's file.

    llama.cpp says it where it names such a tensor. Where it names another one first, RAM holds more than the
    input, the layers there and what was moved come to, and the graph has more splits than devices account for.
    """
    said = fit.trial.elsewhere
    if said is None or not any(device.name in fit.trial.layers for device in fit.devices):
        return None
    used = sum(1 for device in fit.devices if fit.trial.layers.get(device.name))
    is_split = (fit.trial.splits or 0) > used + 1
    is_named = said.is_refusal and not _was_moved(said, fit)
    if not is_named and not (said.others and is_split):
        return None
    facts = header()
    more = _unexpected_mib(fit, facts) if facts else 0
    if is_named:
        return Refused(max(0, more), _named(said))
    return Refused(more) if more > _slack(fit) else None


def _was_moved(said: Elsewhere, fit: Fit) -> bool:
    """Whether fit or the profile put the tensor that is named where it is, as with experts in RAM."""
    return any(said.tensor in names for names in fit.trial.moved.values())


def note_refused(plan: Plan, found: Refused | None) -> None:
    """Have the plan say so."""
    if found is not None:
        plan.refused_mib = max(1, found.mib)
        plan.refused = found.what
        plan.warnings = [*plan.warnings, sentence(plan)]


def sentence(plan: Plan) -> str:
    """Of a plan in which devices refuse weights."""
    much = gib(plan.refused_mib) if plan.refused_mib > 1 else "some"
    which = f": {plan.refused}" if plan.refused else ""
    return (
        f"devices refuse a type or a size, and {much} of weights of layers there stay in RAM{which}"
    )


def _named(said: Elsewhere) -> str:
    more = f" and {count(said.others, 'other')}" if said.others else ""
    return f"{said.tensor} ({said.type}){more}"


def _unexpected_mib(fit: Fit, facts: Facts) -> int:
    """MiB of weights in RAM beyond what belongs there."""
    trial = fit.trial
    in_ram = trial.layers.get(HOST, 0)  # the first ones
    layers = sum(facts.layer_bytes[:in_ram]) + sum(facts.expert_bytes[:in_ram])
    if in_ram > len(facts.layer_bytes):
        layers += facts.output_bytes
    held = trial.sizes[HOST].model if HOST in trial.sizes else 0
    return round(held - trial.moved_mib - (facts.input_bytes + layers) / _MIB)


def _slack(fit: Fit) -> float:
    moved = sum(len(names) for names in fit.trial.moved.values())
    held = fit.trial.sizes[HOST].model if HOST in fit.trial.sizes else 0
    return moved + max(_CLOSE, _SHARE * held)
