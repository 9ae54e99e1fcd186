"""Estimates a plan from the file's facts, where no engine was asked yet or can be. Pure.

It follows llama.cpp: where the devices are too small, a context that nobody asked for is cut, then
experts or whole layers stay in RAM (`shares`). Meant to be a little too large.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import ceil

from paddock.api.placement import DevicePlan, Plan
from paddock.config.describe import size_mib
from paddock.config.lint import FIT_BLOCKERS, FITTABLE
from paddock.config.profile import Profile
from paddock.core.model import HOST
from paddock.llama.gguf import Facts
from paddock.placement.devices import (
    HOST_OVERHEAD,
    Margins,
    Reading,
    candidates,
    fits_itself,
    gpus,
    margins_of,
    overhead_of,
    with_ram,
)
from paddock.placement.plan_sums import HOST_ALONE, sums
from paddock.placement.planning import Circumstances
from paddock.placement.shares import LayerSizes, Share, spread, squeeze
from paddock.placement.sizes import STEP, Needs, context_mib, logits_mib, number, value
from paddock.placement.tensor_parallel import exchange_mib, is_tensor_parallel, parts
from paddock.placement.words import explain

__all__ = ["context_mib", "estimated", "logits_mib"]

_COPIES = 4  # of a graph's inputs where devices work in turn (GGML_SCHED_MAX_COPIES)
_PLENTY = 1 << 30  # MiB, of a device whose memory is unknown


def estimated(profile: Profile, facts: Facts | None, around: Circumstances) -> Plan:
    """The plan by the file's facts; explained, and marked as an estimate."""
    devices = _devices(profile, around)
    if facts is None:
        return _by_size(profile, devices, around)
    case = _EstimateCase(Needs(profile, facts), devices, around)
    if devices and is_tensor_parallel(profile):
        return case.plan(case.in_parallel())
    layout = case.as_asked(case.needs.tokens)
    if layout.is_over_full and fits_itself(profile):
        layout = case.fitted(layout)
    return case.plan(layout)


@dataclass(slots=True)
class _Layout:
    """Where everything lies with a context of so many tokens."""

    tokens: int
    shares: list[Share]
    rest: list[LayerSizes]  # in RAM, the first ones
    is_parallel: bool = False  # every device has a part of every layer

    @property
    def used(self) -> float:
        return sum(share.used for share in self.shares)

    @property
    def missing(self) -> float:
        return sum(share.missing for share in self.shares)

    @property
    def is_over_full(self) -> bool:
        return any(share.missing > 0 for share in self.shares)

    @property
    def layers(self) -> list[LayerSizes]:
        return [*self.rest, *(layer for share in self.shares for layer in share.layers)]

    @property
    def copies(self) -> int:
        """Of a graph's inputs; one where anything lies in RAM (`pipeline_parallel` in llama.cpp)."""
        if self.is_parallel:
            return 1
        is_whole = not self.rest and not any(share.slim for share in self.shares)
        return _COPIES if is_whole and len(self.shares) > 1 else 1


@dataclass(frozen=True, slots=True)
class _EstimateCase:
    """A model to be placed on these devices."""

    needs: Needs
    devices: Sequence[Reading]
    around: Circumstances

    # ---- where it goes ----

    def as_asked(self, tokens: int) -> _Layout:
        """The layout without fit."""
        layers, profile = self.needs.layers(tokens), self.needs.profile
        count = number(profile, "--n-gpu-layers", len(layers)) if self.devices else 0
        rest = layers[: max(0, len(layers) - count)]
        shares = [self._share(place) for place in range(len(self.devices))]
        spread(layers[len(rest) :], shares)
        self._keep_experts(shares, len(rest))
        return self._with_compute(_Layout(tokens, shares, rest))

    def in_parallel(self) -> _Layout:
        """The layout of a split by tensors."""
        layers = self.needs.layers(self.needs.tokens)
        shares = [self._share(place) for place in range(len(self.devices))]
        for share, part in zip(shares, parts(self.needs.profile, len(shares)), strict=True):
            share.whole = [layer.part(part) for layer in layers]
        return self._with_compute(_Layout(self.needs.tokens, shares, [], is_parallel=True))

    def fitted(self, layout: _Layout) -> _Layout:
        """The layout after fit: it cuts the context if it may, then moves layers if it may."""
        needs = self.needs
        if not needs.profile.ctx_size and layout.missing > 0 and needs.least_tokens < layout.tokens:
            layout = self.as_asked(self._cut(layout))
            if not layout.is_over_full and len(layout.shares) == 1:
                return layout
        if _is_fixed(needs.profile):
            return layout
        inputs = needs.inputs(layout.tokens)
        shares = [replace(share, compute=needs.work() + inputs) for share in layout.shares]
        # Devices never work in turn where parts of layers were moved, as those of experts are.
        may_work_in_turn = len(shares) > 1 and not needs.facts.experts
        in_turn = (_COPIES - 1) * inputs if may_work_in_turn else 0.0
        layout = _Layout(layout.tokens, shares, squeeze(layout.layers, shares, in_turn=in_turn))
        return self._with_compute(layout) if may_work_in_turn else layout

    def _share(self, place: int) -> Share:
        reading = self.devices[place]
        available = _PLENTY if reading.available_mib is None else reading.available_mib
        taken = self._overhead(place) + self._beside(place)
        return Share(available - taken, self._margin(place), 0.0)

    def _overhead(self, place: int) -> int:
        name, devices = self.devices[place].name, len(self.devices)
        is_parallel = is_tensor_parallel(self.needs.profile)
        more = exchange_mib(name, devices) if is_parallel else 0
        return overhead_of(name, self.around.overheads) + more

    def _beside(self, place: int) -> int:
        return 0 if place else self.needs.beside

    def _margin(self, place: int) -> int:
        profile = self.needs.profile
        return (margins_of(profile) if fits_itself(profile) else Margins((0,))).at(place)

    def _keep_experts(self, shares: Iterable[Share], first: int) -> None:
        """Those of the model's first layers, of which the first so many lie in RAM anyway."""
        for share in shares:
            count = max(0, min(self.needs.experts_kept - first, len(share.whole)))
            first += len(share.whole)
            share.slim, share.whole = share.whole[:count], share.whole[count:]

    def _with_compute(self, layout: _Layout) -> _Layout:
        for share in layout.shares:
            share.compute = self.needs.work() + layout.copies * self.needs.inputs(layout.tokens)
        return layout

    def _cut(self, most: _Layout) -> int:
        """The context with which all layers are on the devices, at least fit's least."""
        least = self.as_asked(self.needs.least_tokens)
        goal = sum(share.free - share.margin for share in most.shares) - self._waste(most)
        part = max(0.0, (goal - least.used) / max(most.used - least.used, 1e-9))
        tokens = least.tokens + int((most.tokens - least.tokens) * part)
        step = STEP * self.needs.streams
        return max(least.tokens, tokens // step * step)

    def _waste(self, layout: _Layout) -> float:
        """Several devices are not filled to the last: half a layer each, of experts a matrix of one."""
        count, facts = len(layout.shares), self.needs.facts
        weights = sum(x.weights + x.experts for share in layout.shares for x in share.whole)
        half = weights / max(1, facts.n_layers) / (6 if facts.experts else 2)
        return (count + 1) * half if count > 1 else 0.0

    # ---- in the words of the API ----

    def plan(self, layout: _Layout) -> Plan:
        devices = [self._device(layout, place) for place in range(len(self.devices))]
        count = len(layout.shares[0].layers) if layout.is_parallel else len(layout.layers)
        plan = Plan(
            profile=self.needs.profile.id,
            fingerprint=self.needs.profile.fingerprint,
            source="estimate",
            devices=[*devices, self._host(layout)],
            n_ctx=layout.tokens,
            n_ctx_wanted=self.needs.tokens,
            layers=count,
            layers_on_devices=count - len(layout.rest),
            experts_in_ram=sum(device.overflowing for device in devices),
            fits=True,
        )
        over = [m for m in sums(plan) if m.left is not None and m.left < 0]
        plan.fits = not any(m.name != HOST_ALONE for m in over)
        explain(plan, self.around.readings)
        if layout.is_parallel:
            plan.notes.append("a part of every layer lies on each device")
        return plan

    def _device(self, layout: _Layout, place: int) -> DevicePlan:
        reading, share, beside = self.devices[place], layout.shares[place], self._beside(place)
        weights = sum(x.weights for x in share.layers) + sum(x.experts for x in share.whole)
        is_used = bool(share.layers) or beside > 0
        return DevicePlan(
            device=reading.name,
            id=reading.id,
            model=ceil(weights) + beside,
            context=ceil(sum(layer.context for layer in share.layers)),
            compute=ceil(share.compute) if share.layers else 0,
            overhead=self._overhead(place) if is_used else 0,
            margin=self._margin(place),
            available=reading.available_mib,
            size=reading.total_mib,
            in_ram=reading.is_in_ram,
            set_aside=_set_aside(reading, self.around),
            layers=0 if layout.is_parallel else len(share.layers),
            overflowing=sum(1 for layer in share.slim if layer.experts),
        )

    def _host(self, layout: _Layout) -> DevicePlan:
        needs = self.needs
        model = needs.facts.input_bytes / (1 << 20) + (0 if self.devices else needs.beside)
        model += sum(layer.weights + layer.experts for layer in layout.rest)
        model += sum(layer.experts for share in layout.shares for layer in share.slim)
        compute = layout.copies * needs.inputs(layout.tokens) + (needs.work() if layout.rest else 0)
        return _host_plan(
            self.around,
            model=ceil(model),
            context=ceil(sum(layer.context for layer in layout.rest)),
            compute=ceil(compute),
            layers=len(layout.rest),
        )


# ---- without facts ----


def _by_size(profile: Profile, devices: Sequence[Reading], around: Circumstances) -> Plan:
    """Only the files' sizes are known: spread them by free memory, or as tensors are split."""
    size = size_mib(profile)
    free = [max(1, reading.available_mib or 1) for reading in devices]
    spread_by = [mib / sum(free) for mib in free]
    if is_tensor_parallel(profile):
        spread_by = parts(profile, len(devices))
    plans = [
        DevicePlan(
            device=reading.name,
            id=reading.id,
            model=ceil(size * spread_by[place]),
            overhead=overhead_of(reading.name, around.overheads),
            margin=margins_of(profile).at(place),
            available=reading.available_mib,
            size=reading.total_mib,
            in_ram=reading.is_in_ram,
            set_aside=_set_aside(reading, around),
        )
        for place, reading in enumerate(devices)
    ]
    plans.append(_host_plan(around, model=0 if devices else size))
    plan = Plan(
        profile=profile.id,
        fingerprint=profile.fingerprint,
        source="estimate",
        fits=True,
        devices=plans,
    )
    explain(plan, around.readings)
    return plan


def _host_plan(
    around: Circumstances,
    *,
    model: int,
    context: int = 0,
    compute: int = 0,
    layers: int | None = None,
) -> DevicePlan:
    host = around.readings.get(HOST)
    return DevicePlan(
        device="Host",
        id=HOST,
        model=model,
        context=context,
        compute=compute,
        overhead=HOST_OVERHEAD,
        available=host.available_mib if host else None,
        size=host.total_mib if host else None,
        layers=layers,
    )


def _devices(profile: Profile, around: Circumstances) -> list[Reading]:
    """The devices that the profile would use, in llama.cpp's order: RPC devices come first."""
    chosen = value(profile, "--device", "").split(",")
    if chosen == ["none"] or value(profile, "--n-gpu-layers", "") == "0":
        return []
    endpoints = value(profile, "--rpc", "").split(",")
    readings = around.readings
    own = candidates(r for r in gpus(readings) if not r.id.startswith("RPC"))
    near = [with_ram(reading, readings) for reading in own]
    far = [r for r in gpus(around.readings) if any(r.id.endswith(f"[{e}]") for e in endpoints)]
    named = [reading for reading in (*far, *near) if reading.name in chosen]
    return named or [*far, *near]


def _set_aside(seen: Reading, around: Circumstances) -> int | None:
    """Of RAM, for this GPU alone; `seen` is as an engine sees it."""
    read = around.readings.get(seen.id)
    return read.available_mib if read and seen.is_in_ram else None


def _is_fixed(profile: Profile) -> bool:
    """Whether something set by hand keeps fit from moving layers."""
    layers = value(profile, "--n-gpu-layers", "auto")
    return layers not in FITTABLE or any(profile.flag(name) for name in FIT_BLOCKERS)
