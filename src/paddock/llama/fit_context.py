"""What a context takes that fit has not measured, as fit itself reckons it. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from paddock.llama.fit import FitTrial, Sizes


def with_context(trial: FitTrial, measured: Sequence[FitTrial], n_ctx: int | None) -> FitTrial:
    """This trial with a context between two that were measured: as fit itself reckons it.

    Where all fits on one device once the context is cut, fit takes the length that lies on the line between
    these two, and measures it no more (common/fit.cpp, build 11434). The trial as it is where there are no two.
    """
    known = sorted((t for t in measured if t.n_ctx is not None), key=lambda t: t.n_ctx or 0)
    if trial.n_ctx == n_ctx or n_ctx is None or not known:
        return trial
    low, high = known[0], known[-1]
    if not (low.n_ctx or 0) < n_ctx < (high.n_ctx or 0):
        return trial
    share = (n_ctx - (low.n_ctx or 0)) / ((high.n_ctx or 0) - (low.n_ctx or 0))
    sizes = {
        name: _between(low.sizes[name], high.sizes.get(name, low.sizes[name]), share)
        for name in low.sizes
    }
    return replace(low, n_ctx=n_ctx, sizes=sizes)


def _between(low: Sizes, high: Sizes, share: float) -> Sizes:
    def at(one: int, other: int) -> int:
        return round(one + share * (other - one))

    return Sizes(
        at(low.model, high.model), at(low.context, high.context), at(low.compute, high.compute)
    )
