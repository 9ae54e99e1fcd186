"""A plan from the facts of the file alone, for engines that cannot be asked: an estimate. Pure.

It follows llama.cpp's order (common/fit.cpp): cut a context that nobody asked for, then move experts
of the last layers, or the first whole layers, to RAM. Meant to be a little too large.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import ceil

from paddock.api.placement import DevicePlan, Plan
from paddock.config.describe import size_mib
from paddock.config.profile import Profile
from paddock.core.model import HOST
from paddock.llama.gguf import Facts
from paddock.placement.devices import (
    HOST_OVERHEAD,
    Reading,
    fits_itself,
    gpus,
    margins_of,
    overhead_of,
)
from paddock.placement.planning import Circumstances
from paddock.placement.words import explain

_MIB = 1 << 20
_UBATCH = 512  # tokens: llama-server's default
_LEAST_CONTEXT = 4096  # tokens: fit's least (--fit-ctx)
# MiB of compute buffer beside the logits of one ubatch (measured: 20 to 60, build 11434).
_COMPUTE_BESIDE_LOGITS = 64

# Bytes per value of a cache type: a block's size over its values (ggml's GGML_QUANT_SIZES).
_CACHE_BYTES: Mapping[str, float] = {
    "f32": 4, "f16": 2, "bf16": 2,
    "q8_0": 34 / 32, "q5_1": 24 / 32, "q5_0": 22 / 32, "q4_1": 20 / 32, "q4_0": 18 / 32,
    "iq4_nl": 18 / 32,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Layer:
    """MiB of one layer's weights, experts apart, and of its keys, values and state."""

    weights: float
    experts: float
    context: float

    @property
    def total(self) -> float:
        return self.weights + self.experts + self.context


@dataclass(slots=True)
class _Share:
    """One device, and what was put on it."""

    reading: Reading
    free: float  # MiB for the model, without margin, overhead and compute
    layers: list[_Layer]
    moved: int = 0  # of its layers, from the end, those whose experts went to RAM

    @property
    def experts_moved(self) -> float:
        return sum(layer.experts for layer in self.layers[len(self.layers) - self.moved :])

    @property
    def used(self) -> float:
        return sum(layer.total for layer in self.layers) - self.experts_moved


def estimated(profile: Profile, facts: Facts | None, around: Circumstances) -> Plan:
    """The plan as far as the file's facts tell it; explained, and marked as an estimate."""
    devices = gpus(around.readings) if _wants_gpus(profile) else []
    if facts is None:
        return _by_size(profile, devices, around)
    tokens = _wanted_context(profile, facts)
    shares, rest = _spread(profile, facts, devices, tokens, around)
    wanted = tokens
    if _is_over_full(shares) and not profile.ctx_size and fits_itself(profile):
        tokens = _fitting_context(profile, facts, shares, tokens)
        shares, rest = _spread(profile, facts, devices, tokens, around)
    if fits_itself(profile):
        rest += _squeeze(shares, has_experts=bool(facts.experts))
    return _plan(profile, facts, shares, rest, around, n_ctx=tokens, wanted=wanted)


def logits_mib(facts: Facts, ubatch: int) -> int:
    """MiB of compute buffer that one ubatch of so many tokens takes for its logits, f32.

    The larger part of that buffer (measured: 298 MiB at 512 tokens and 151,936 words, build 11434).
    """
    return ceil((facts.n_vocab or 0) * ubatch * 4 / _MIB)


def context_mib(facts: Facts, tokens: int, type_k: str, type_v: str, *, slots: int = 1) -> int:
    """MiB of keys, values and recurrent state for a context of so many tokens."""
    layers = _layers(facts, tokens, type_k, type_v, slots)
    return ceil(sum(layer.context for layer in layers))


# ---- what there is to place ----


def _wanted_context(profile: Profile, facts: Facts) -> int:
    return profile.ctx_size or facts.n_ctx_train or _LEAST_CONTEXT


def _wants_gpus(profile: Profile) -> bool:
    layers, device = profile.flag("--n-gpu-layers"), profile.flag("--device")
    return not (layers and layers.values == ("0",)) and not (device and device.values == ("none",))


def _value(profile: Profile, name: str, default: str) -> str:
    flag = profile.flag(name)
    return flag.values[0] if flag and flag.values else default


def _number(profile: Profile, name: str, default: int) -> int:
    text = _value(profile, name, "")
    return int(text) if text.isdecimal() else default


def _layers(facts: Facts, tokens: int, type_k: str, type_v: str, slots: int) -> list[_Layer]:
    count = facts.n_layers
    keys = (facts.key_length or 0) * _cache_bytes(type_k)
    values = (facts.value_length or 0) * _cache_bytes(type_v)
    state = facts.state_bytes * slots / max(1, sum(facts.recurrent))
    layers = []
    for i in range(count):
        heads = facts.kv_heads[i] if i < len(facts.kv_heads) else 0
        cached = heads * (keys + values) * _cells(facts, i, tokens)
        recurrent = state if i < len(facts.recurrent) and facts.recurrent[i] else 0.0
        layers.append(
            _Layer(
                weights=_at(facts.layer_bytes, i) / _MIB,
                experts=_at(facts.expert_bytes, i) / _MIB,
                context=(cached + recurrent) / _MIB,
            )
        )
    return layers


def _cells(facts: Facts, layer: int, tokens: int) -> int:
    """A window is kept with one ubatch more (llama-kv-cache-iswa.cpp), in steps of 256."""
    if facts.window and facts.windowed and layer < len(facts.windowed) and facts.windowed[layer]:
        return min(tokens, ceil((facts.window + _UBATCH) / 256) * 256)
    return tokens


def _at(values: Sequence[int], place: int) -> int:
    return values[place] if place < len(values) else 0


def _cache_bytes(cache_type: str) -> float:
    return _CACHE_BYTES.get(cache_type.lower(), 2)


# ---- where it goes ----


def _spread(
    profile: Profile,
    facts: Facts,
    devices: Sequence[Reading],
    tokens: int,
    around: Circumstances,
) -> tuple[list[_Share], list[_Layer]]:
    """Layers over the devices in proportion to their free memory, and those that stay in RAM."""
    slots = _number(profile, "--parallel", 4)
    types = _value(profile, "--cache-type-k", "f16"), _value(profile, "--cache-type-v", "f16")
    layers = _layers(facts, tokens, *types, slots)
    layers.append(_Layer(facts.output_bytes / _MIB, 0.0, 0.0))
    count = min(_number(profile, "--n-gpu-layers", len(layers)), len(layers)) if devices else 0
    rest, placed = layers[: len(layers) - count], layers[len(layers) - count :]
    compute = _compute(profile, facts)
    margins = margins_of(profile)
    shares = [
        _Share(reading, _free(reading, margins.at(i), compute, around), [])
        for i, reading in enumerate(devices)
    ]
    total = sum(max(share.free, 1.0) for share in shares)
    bounds = list(accumulate(max(share.free, 1.0) / total for share in shares))
    for i, layer in enumerate(placed):
        place = next(
            p for p, bound in enumerate(bounds) if i / len(placed) < bound or p == len(bounds) - 1
        )
        shares[place].layers.append(layer)
    return _without_experts(profile, shares), rest


def _free(reading: Reading, margin: int, compute: int, around: Circumstances) -> float:
    available = reading.available_mib
    if available is None:
        return float("inf")
    return available - margin - compute - overhead_of(reading.name, around.overheads)


def _without_experts(profile: Profile, shares: list[_Share]) -> list[_Share]:
    """`--cpu-moe` keeps all experts in RAM."""
    if profile.flag("--cpu-moe"):
        for share in shares:
            share.moved = len(share.layers)
    return shares


def _compute(profile: Profile, facts: Facts) -> int:
    ubatch = _number(profile, "--ubatch-size", _UBATCH)
    return logits_mib(facts, ubatch) + _COMPUTE_BESIDE_LOGITS


def _is_over_full(shares: Sequence[_Share]) -> bool:
    return any(share.used > share.free for share in shares)


def _fitting_context(profile: Profile, facts: Facts, shares: Sequence[_Share], tokens: int) -> int:
    """The context that leaves every layer on its device, in steps of 256 and at least fit's least."""
    least = _number(profile, "--fit-ctx", _LEAST_CONTEXT)
    missing = sum(share.used - share.free for share in shares)
    context = sum(layer.context for share in shares for layer in share.layers)
    kept = max(0.0, 1 - missing / context) if context else 0.0
    return max(least, int(tokens * kept) // 256 * 256)


def _squeeze(shares: Sequence[_Share], *, has_experts: bool) -> list[_Layer]:
    """Make each share fit: experts of its last layers to RAM, else whole layers; the latter."""
    rest: list[_Layer] = []
    for share in shares:
        while share.used > share.free and has_experts and share.moved < len(share.layers):
            share.moved += 1
        while share.used > share.free and share.layers:
            rest.append(share.layers.pop(0))
            share.moved = min(share.moved, len(share.layers))
    return rest


# ---- as a plan ----


def _plan(
    profile: Profile,
    facts: Facts,
    shares: Sequence[_Share],
    rest: Sequence[_Layer],
    around: Circumstances,
    *,
    n_ctx: int,
    wanted: int,
) -> Plan:
    compute, margins = _compute(profile, facts), margins_of(profile)
    devices = [_device(share, margins.at(i), compute, around) for i, share in enumerate(shares)]
    in_ram = sum(layer.weights + layer.experts for layer in rest)
    in_ram += facts.input_bytes / _MIB + sum(share.experts_moved for share in shares)
    host = around.readings.get(HOST)
    devices.append(
        DevicePlan(
            device="Host",
            id=HOST,
            model=ceil(in_ram),
            context=ceil(sum(layer.context for layer in rest)),
            compute=_COMPUTE_BESIDE_LOGITS if shares else compute,
            overhead=HOST_OVERHEAD,
            available=host.available_mib if host else None,
            layers=len(rest),
        )
    )
    plan = Plan(
        profile=profile.id,
        fingerprint=profile.fingerprint,
        source="estimate",
        devices=devices,
        n_ctx=n_ctx,
        n_ctx_wanted=wanted,
        layers=facts.n_layers + 1,
        layers_on_devices=facts.n_layers + 1 - len(rest),
        experts_in_ram=sum(share.moved for share in shares),
        fits=not any(d.left is not None and d.left < 0 for d in devices[:-1]),
    )
    explain(plan, around.readings)
    return plan


def _device(share: _Share, margin: int, compute: int, around: Circumstances) -> DevicePlan:
    weights = sum(layer.weights + layer.experts for layer in share.layers) - share.experts_moved
    return DevicePlan(
        device=share.reading.name,
        id=share.reading.id,
        model=ceil(weights),
        context=ceil(sum(layer.context for layer in share.layers)),
        compute=compute if share.layers else 0,
        overhead=overhead_of(share.reading.name, around.overheads) if share.layers else 0,
        margin=margin,
        available=share.reading.available_mib,
        layers=len(share.layers),
        overflowing=share.moved,
    )


def _by_size(profile: Profile, devices: Sequence[Reading], around: Circumstances) -> Plan:
    """All that is known is how large the files are: spread by free memory, nothing else counted."""
    size = size_mib(profile)
    total = sum(max(1, reading.available_mib or 1) for reading in devices)
    plans = [
        DevicePlan(
            device=reading.name,
            id=reading.id,
            model=ceil(size * max(1, reading.available_mib or 1) / total),
            overhead=overhead_of(reading.name, around.overheads),
            margin=margins_of(profile).at(place),
            available=reading.available_mib,
        )
        for place, reading in enumerate(devices)
    ]
    host = around.readings.get(HOST)
    plans.append(
        DevicePlan(
            device="Host",
            id=HOST,
            model=0 if devices else size,
            overhead=HOST_OVERHEAD,
            available=host.available_mib if host else None,
        )
    )
    plan = Plan(
        profile=profile.id, fingerprint=profile.fingerprint, source="estimate", devices=plans
    )
    explain(plan, around.readings)
    return plan
