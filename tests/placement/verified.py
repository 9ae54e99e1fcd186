"""Literal loads, the plans beside them, and what was before."""

from typing import Any

from paddock.api.placement import (
    Buffer,
    DevicePlan,
    LoadEntry,
    Placement,
    Plan,
    Verdict,
)
from paddock.core.model import HOST
from paddock.placement.verify import verdict
from paddock.placement.verify_load import Load, Pace

GPU, RAM = "0000:00:06.0", HOST
MIB = 10000  # on the GPU


def placement(mib: float = MIB, **changes: Any) -> Placement:
    usual: dict[str, Any] = {
        "buffers": [
            Buffer(device="CUDA0", kind="model", mib=mib - 1000),
            Buffer(device="CUDA0", kind="context", mib=1000),
            Buffer(device="Host", kind="model", mib=500),
        ],
        "layers": 49, "layers_offloaded": 49, "layers_overflowing": 10,
        "graph_splits": 22, "graph_splits_tg": 21, "n_ctx": 32768, "free": {"CUDA0": 11500},
    }  # fmt: skip
    return Placement(**usual | changes)


def load(placed: Placement | None = None, **changes: Any) -> Load:
    usual: dict[str, Any] = {"profile": "m", "fingerprint": "f", "engine_version": "b11434"}
    usual |= {"devices": "nvidia 580: H100"}
    return Load(placement=placed or placement(), **usual | changes)


def plan(**changes: Any) -> Plan:
    gpu = DevicePlan(
        device="CUDA0", id=GPU, model=9000, context=1000, overhead=600, margin=1024,
        available=12100, layers=49, overflowing=10,
    )  # fmt: skip
    usual: dict[str, Any] = {
        "devices": [gpu, DevicePlan(device="Host", id=RAM, model=500, overhead=272)],
        "n_ctx": 32768, "n_ctx_wanted": 131072, "layers": 49, "layers_on_devices": 49,
        "experts_in_ram": 10, "graph_splits": 22,
    }  # fmt: skip
    return Plan(profile="m", source="engine", fits=True, **usual | changes)


def before(placed: Placement | None = None, **changes: Any) -> LoadEntry:
    usual: dict[str, Any] = {"profile": "m", "instance": "m.1", "fingerprint": "f"}
    usual |= {"engine_version": "b11434", "devices": "nvidia 580: H100", "outcome": "ready"}
    return LoadEntry(placement=placed or placement(), **usual | changes)


def judged(
    now: Load | None = None,
    planned: Plan | None = None,
    pace: Pace | None = None,
    last: LoadEntry | None = None,
    best: float | None = None,
    expected: float | None = None,
) -> Verdict:
    comparable = [before(generation=best), before()] if best else []
    return verdict(
        now or load(), planned, pace or Pace(), last=last, comparable=comparable, expected=expected
    )


def codes(found: Verdict) -> list[str]:
    return [reason.code for reason in found.reasons]
