"""Spreads layers over devices as llama.cpp's fit does (common/fit.cpp, build 11434), in MiB. Pure.

If all fits, every device gets layers in proportion to its free memory. Else the devices are filled from
the last layer and the last device on, without experts; layers left over stay in RAM. If none is left
over, experts are added from the first device on.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class LayerSizes:
    """MiB of one layer's weights, experts apart, and of its keys, values and state."""

    weights: float
    experts: float
    context: float

    def part(self, share: float) -> "LayerSizes":
        """So large a part of it."""
        return LayerSizes(self.weights * share, self.experts * share, self.context * share)

    @property
    def slim(self) -> float:
        """Without its experts."""
        return self.weights + self.context

    @property
    def total(self) -> float:
        return self.weights + self.context + self.experts


@dataclass(slots=True)
class Share:
    """One device and its part of the layers."""

    free: float  # MiB that the engine sees free
    margin: float  # of these, what should stay free
    compute: float  # buffers beside the layers, as soon as it has any
    whole: list[LayerSizes] = field(default_factory=list)
    # Those after them: their experts lie in RAM.
    slim: list[LayerSizes] = field(default_factory=list)

    @property
    def layers(self) -> list[LayerSizes]:
        return [*self.whole, *self.slim]

    @property
    def used(self) -> float:
        held = sum(layer.total for layer in self.whole) + sum(layer.slim for layer in self.slim)
        return held + self.compute if self.layers else 0.0

    @property
    def missing(self) -> float:
        """The MiB that it lacks; negative where there is room."""
        return self.used - (self.free - self.margin)

    def takes(self, mib: float) -> bool:
        """Whether there is room for so much more."""
        return self.missing + mib + (0 if self.layers else self.compute) <= 0


def spread(layers: Sequence[LayerSizes], shares: Sequence[Share]) -> None:
    """Place the layers as llama.cpp does without fit: by free memory alone."""
    total = sum(max(share.free, 1.0) for share in shares)
    bounds = list(accumulate(max(share.free, 1.0) / total for share in shares))
    for share in shares:
        share.whole, share.slim = [], []
    for place, layer in enumerate(layers):
        bound = bisect_right(bounds, place / len(layers))
        shares[min(bound, len(shares) - 1)].whole.append(layer)


def squeeze(
    layers: Sequence[LayerSizes], shares: Sequence[Share], *, in_turn: float
) -> list[LayerSizes]:
    """Put as much on the devices as they take; returns how many first layers stay in RAM.

    `in_turn`: what a device needs in addition when nothing is in RAM and devices work in turn.
    """
    rest = list(layers)
    for share in reversed(shares):
        share.whole, share.slim = [], []
        while rest and share.takes(rest[-1].slim + (in_turn if len(rest) == 1 else 0)):
            share.slim.insert(0, rest.pop())
    if not any(layer.experts for layer in layers):
        for share in shares:
            share.whole, share.slim = share.slim, []
    elif not rest:
        _bring_experts(shares)
    return rest


def _bring_experts(shares: Sequence[Share]) -> None:
    for place, share in enumerate(shares):
        for later in shares[place:]:
            while later.slim and _brings(share, later):
                share.whole.append(later.slim.pop(0))
            if later.slim:
                break


def _brings(share: Share, later: Share) -> bool:
    layer = later.slim[0]
    return share.takes(layer.experts if share is later else layer.total)
