"""Rules on what makes a profile slower than it could be, and on what was typed of its speed. Pure."""

import re
from collections.abc import Iterator
from math import floor

from paddock.api.placement import DevicePlan, Plan
from paddock.config.profile import Flag, Profile
from paddock.figures.units import count, plural
from paddock.llama.gguf import Facts
from paddock.placement.estimate import context_mib
from paddock.placement.profile_facts import Finding, ProfileFacts, marked, number, value
from paddock.placement.words import gib, layers_in_ram, on_gpus, on_host, spills

# Flags that keep tensors in RAM whatever is free.
FORCERS = ("--override-tensor", "--cpu-moe", "--n-cpu-moe", "--n-cpu-ffn")
_TO_RAM = re.compile(r"=\s*CPU", re.IGNORECASE)

_MIB = 1 << 20
_LEAST_CONTEXT = 4096  # tokens: what fit leaves of an unset context (--fit-ctx)
_STEP = 256  # tokens: contexts are multiples of it
_FEWEST_BITS = 2.0  # per weight, of any quantisation in use
_FAR_OFF = 0.15  # of SPEED; single runs of one load differ by up to 10 %


# ---- what lies in RAM, and need not ----


def dense_in_ram(facts: ProfileFacts) -> Iterator[Finding]:
    """Each token reads every layer of a dense model, so one in RAM slows all down."""
    plan, gguf = facts.plan, facts.gguf
    if plan is None or gguf is None or gguf.experts or not (number_in_ram := layers_in_ram(plan)):
        return
    message = (
        f"{number_in_ram} of {plan.layers} layers {plural(number_in_ram, 'lies', 'lie')} in RAM{marked(plan)}, and each"
        " token of a dense model reads all of them: with 45 % there, 85 tokens/s became 6 (H200)"
    )
    by_hand = facts.profile.flag("--n-gpu-layers")
    if by_hand and by_hand.values[0].isdecimal():
        yield Finding("warning", message, "write N_GPU_LAYERS = auto", by_hand)
    else:
        yield Finding("warning", message, _cure(facts, gguf, plan))


def _cure(facts: ProfileFacts, gguf: Facts, plan: Plan) -> str:
    missing = _missing_mib(gguf, plan)
    shorter = _planned_context(facts.unbound) or _context(facts.profile, gguf, plan, missing)
    ways = [_shorter(plan, shorter) if shorter else "", _smaller(gguf, missing)]
    return "; or ".join(way for way in ways if way) or "use a smaller model"


def _shorter(plan: Plan, n_ctx: int) -> str:
    fewer = (plan.n_ctx or n_ctx) - n_ctx
    return f"write CTX_SIZE = {n_ctx} ({fewer} tokens less than now): then all layers fit"


def _planned_context(unbound: Plan | None) -> int | None:
    """What llama.cpp's own fit cuts the context to, where that is enough."""
    if unbound is None or unbound.source != "engine" or not unbound.fits or spills(unbound):
        return None
    return unbound.n_ctx


def _missing_mib(gguf: Facts, plan: Plan) -> float:
    """What the devices lack for the layers in RAM, a little too much: layers cannot be divided."""
    host, devices = on_host(plan), on_gpus(plan)
    if host is None:
        return 0.0
    moved = max(0.0, host.model - gguf.input_bytes / _MIB) + host.context
    slack = sum(max(0, (device.left or 0) - device.margin) for device in devices)
    layer = max(gguf.layer_bytes, default=0) / _MIB
    spread = (len(devices) + 1) / 2 if len(devices) > 1 else 0  # layers that fit keeps in reserve
    return max(0.0, moved - slack) + layer * spread


def _context(profile: Profile, gguf: Facts, plan: Plan, missing: float) -> int | None:
    """The tokens that make room for all layers, by what one takes; None below fit's least."""
    per_token = _context_per_token(profile, gguf, plan)
    if per_token <= 0:
        return None
    left = floor(((plan.n_ctx or 0) - missing / per_token) / _STEP) * _STEP
    return left if left >= number(profile, "--fit-ctx", _LEAST_CONTEXT) else None


def _context_per_token(profile: Profile, gguf: Facts, plan: Plan) -> float:
    """MiB that one token less would free: neither windows nor recurrent states shrink."""
    n_ctx = plan.n_ctx or 0
    half = n_ctx // 2
    if not half:
        return 0.0
    types = value(profile, "--cache-type-k", "f16"), value(profile, "--cache-type-v", "f16")
    whole, part = (context_mib(gguf, tokens, *types) for tokens in (n_ctx, half))
    return (whole - part) / (n_ctx - half)


def _smaller(gguf: Facts, missing: float) -> str:
    weights = (sum(gguf.layer_bytes) + gguf.output_bytes) / _MIB
    bits = gguf.bits_per_weight
    if not bits or not weights:
        return ""
    fewer = bits * (weights - missing) / weights
    if fewer < _FEWEST_BITS:
        return ""
    return (
        f"a quantisation of at most {fewer:.1f} bits per weight would do (this one has {bits:.1f})"
    )


def overrides_not_needed(facts: ProfileFacts) -> Iterator[Finding]:
    """`exps=CPU` as a habit, on a model that fits without."""
    plan, alone = facts.plan, facts.unforced
    forcers = list(forcing(facts.profile))
    if not forcers or plan is None or alone is None or not _is_whole(alone, plan):
        return
    names = " and ".join(dict.fromkeys(flag.name for flag in forcers))
    devices = [d for d in on_gpus(alone) if d.available is not None and d.total]
    room = ", ".join(f"{d.device} would hold {gib(d.total)} of {_of(d)}" for d in devices)
    message = f"{names} keeps {gib(_in_ram(plan) - _in_ram(alone))} in RAM without need: {room}"
    hint = (
        f"leave out {names}: a MoE with all experts in RAM made 28 instead of 226 tokens/s (H200)"
    )
    yield Finding("warning", f"{message}{marked(alone)}", hint, forcers[0])


def _of(device: DevicePlan) -> str:
    return gib(device.available or 0)


def _in_ram(plan: Plan) -> int:
    host = on_host(plan)
    return host.model if host else 0


def forcing(profile: Profile) -> Iterator[Flag]:
    """The flags that keep tensors in RAM; an override that names a GPU is none."""
    for flag in profile.flags:
        if flag.name not in FORCERS:
            continue
        if flag.name != "--override-tensor" or _TO_RAM.search(flag.values[0]):
            yield flag


def _is_whole(alone: Plan, plan: Plan) -> bool:
    """Nothing in RAM, nothing over-full, no context lost."""
    keeps_context = (alone.n_ctx or 0) >= (plan.n_ctx or 0)
    return bool(on_gpus(alone)) and alone.fits and not spills(alone) and keeps_context


# ---- speed ----


def speed_contradicted(facts: ProfileFacts) -> Iterator[Finding]:
    """What was typed, against what was measured."""
    typed, measured = facts.profile.expected_speed, facts.generation
    if not typed or not measured or abs(measured - typed) <= _FAR_OFF * typed:
        return
    requests = count(facts.samples, "request")
    message = f"SPEED says {typed:g} tokens/s, measured: {measured:.1f} ({requests})"
    correct = f"write SPEED = ~{measured:.0f} t/s"
    if measured > typed:
        yield Finding("info", message, correct)
    else:
        hint = f"`paddock history {facts.profile.id}` shows if it was faster; if not, {correct}"
        yield Finding("warning", message, hint)
