"""Whether the devices take what they should: what they refuse, and what was chosen and is not there. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paddock.api.placement import Reason
from paddock.placement.refused import sentence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paddock.api.placement import Placement, Plan


def device_findings(
    now: Placement, plan: Plan | None, *, unmatched: str, overcommitted: str
) -> Iterator[Reason]:
    """What is worse than it should be, though all may lie as planned.

    `unmatched`: see `choice.unmatched`; `overcommitted`: see `overcommit`.
    """
    if overcommitted:
        yield Reason(
            code="gpu-overcommitted",
            message=overcommitted,
            hint="leave GGML_CUDA_ENABLE_UNIFIED_MEMORY out of the engine's environment (=0 counts as well), so that --fit places what has room",
        )
    if unmatched:
        yield Reason(
            code="choice-unmatched",
            message=unmatched,
            hint="`paddock engine show` lists the devices that there are; correct the variable",
        )
    if plan is not None and plan.refused_mib and now.buffers:
        yield Reason(
            code="weights-refused",
            message=sentence(plan),
            hint="try another quantisation of the model, or a build with another backend",
        )
