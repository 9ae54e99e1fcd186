"""Whether a load lies and runs as it should: compared with its plan, its profile and its history. Pure.

What is found has a code with a heading in docs/troubleshooting.md, and comes in two kinds: what is
worse than it should be, and what else is different that may be the cause (`verify_causes.py`).
"""

from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from paddock.api.placement import LoadEntry, Placement, Plan, Reason, Verdict, VerdictState
from paddock.figures.units import count, plural
from paddock.placement.verify_causes import placement_causes, speed_causes
from paddock.placement.verify_devices import device_findings
from paddock.placement.verify_load import Load, Pace, is_alike
from paddock.placement.words import gib

_SLOW = 0.85  # of what was expected; single runs of one load differ by up to 10 % (benchmarks.md)
_SHARE, _MIB = 0.05, 16  # a device's MiB may differ from the plan by the larger of the two

# What is worse; what may be the cause is in `verify_causes.CAUSES`.
FINDINGS = (
    "fit-gave-up",
    "more-in-ram",
    "weights-refused",
    "choice-unmatched",
    "gpu-overcommitted",
    "context-smaller",
    "more-splits",
    "placement-differs",
    "slower-than-expected",
    "slower-than-best",
)
# Why nothing can be said of where it lies, or of how fast it is.
DOUBTS = ("nothing-logged", "nothing-to-compare", "machine-busy")


def verdict(
    load: Load,
    plan: Plan | None,
    pace: Pace,
    *,
    last: LoadEntry | None,
    comparable: Sequence[LoadEntry],
    expected: float | None,
) -> Verdict:
    """`last`: the ready load before this one; `comparable`: earlier ones of the same profile hash,
    engine build, driver and devices; `expected`: the profile's `SPEED`, tokens/s. Of these only loads
    with the same backends are a measure."""
    comparable = [entry for entry in comparable if is_alike(load, entry)]
    lies = list(_placement_findings(load, plan, last))
    goal = expected or _best(comparable)
    generation = median(pace.generation) if pace.generation else None
    is_starved = pace.was_starved and generation is not None
    runs = [] if is_starved else list(_speed_findings(generation, expected, _best(comparable)))
    causes: list[Reason] = []
    if lies or runs:
        causes += placement_causes(load, plan, last)
    if runs:
        causes += speed_causes(pace, load)
    placement = _placement_state(load, plan, last, lies)
    speed: VerdictState = "unknown"
    if generation is not None and goal is not None and not is_starved:
        speed = "degraded" if runs else "verified"
    doubts = [_doubt(load)] if placement == "unknown" else []
    doubts += [_BUSY] if is_starved else []
    return Verdict(
        state=_worst(placement, speed, is_doubtful=is_starved),
        reasons=[*lies, *runs, *causes, *doubts],
        placement=placement,
        speed=speed,
        generation=_rounded(generation),
        prompt=_rounded(median(pace.prompt) if pace.prompt else None),
        expected_generation=_rounded(goal),
        samples=len(pace.generation),
    )


def by_device(placement: Placement) -> dict[str, float]:
    """MiB of each device."""
    sums: dict[str, float] = {}
    for buffer in placement.buffers:
        sums[buffer.device] = sums.get(buffer.device, 0.0) + buffer.mib
    return sums


def _worst(placement: VerdictState, speed: VerdictState, *, is_doubtful: bool) -> VerdictState:
    """`is_doubtful`: its speed was measured, and says nothing: that is not called verified."""
    if "degraded" in (placement, speed):
        return "degraded"
    return "unknown" if is_doubtful else placement


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


# ---- where it lies ----


def _placement_state(
    load: Load, plan: Plan | None, last: LoadEntry | None, found: list[Reason]
) -> VerdictState:
    if found:
        return "degraded"
    before = last.placement if last and is_alike(load, last) else None
    has_measure = plan is not None or before is not None
    return "verified" if load.placement.buffers and has_measure else "unknown"


_BUSY = Reason(
    code="machine-busy",
    message="other programs had the CPU while its speed was measured",
    hint="it is measured again with the next requests; `paddock plan` and builds take it for a while, too",
)


def _doubt(load: Load) -> Reason:
    if not load.placement.buffers:
        return Reason(
            code="nothing-logged",
            message="the engine's log does not say where it lies",
            hint="leave out flags that silence it, such as --log-disable and --verbosity",
        )
    if load.is_tensor_parallel:
        return Reason(
            code="nothing-to-compare",
            message="no engine plans SPLIT_MODE = tensor, and there is no earlier load to compare with",
            hint="the next load is compared with this one",
        )
    return Reason(
        code="nothing-to-compare",
        message="there is no plan of it, and no earlier load to compare with",
        hint="`paddock plan` makes one; the next load is compared with this one",
    )


def _placement_findings(load: Load, plan: Plan | None, last: LoadEntry | None) -> Iterator[Reason]:
    now, before = load.placement, last.placement if last and is_alike(load, last) else None
    if now.warnings:
        yield Reason(
            code="fit-gave-up",
            message=f"llama.cpp gave up fitting it: {now.warnings[0].rpartition(': ')[2]}",
            hint="leave N_GPU_LAYERS at auto and out of the way of --fit, or write FIT = off",
        )
    yield from device_findings(
        now, plan, unmatched=load.unmatched_choice, overcommitted=load.overcommitted
    )
    found = [*_in_ram(now, plan, before), *_context(load, plan), *_splits(now, plan, before)]
    yield from found
    if not found and plan is not None:
        yield from _differences(load, plan)


def _in_ram(now: Placement, plan: Plan | None, before: Placement | None) -> Iterator[Reason]:
    planned = plan.layers_on_devices if plan else None
    layers = [n for n in (planned, before.layers_offloaded if before else None) if n is not None]
    wanted = max(layers, default=None)
    if wanted and now.layers_offloaded is not None and now.layers_offloaded < wanted:
        yield Reason(
            code="more-in-ram",
            message=f"{count(now.layers_offloaded, 'layer')} on devices instead of {wanted}",
            hint="free GPU memory and load it again: paddock unload, paddock switch",
        )
        return
    over = [_overflowing(plan), _overflowed(before) if before else None]
    least = min((n for n in over if n is not None), default=None)
    if least is not None and (now.layers_overflowing or 0) > least:
        yield Reason(
            code="more-in-ram",
            message=_partly_elsewhere(now.layers_overflowing or 0, least),
            hint="free GPU memory and load it again: paddock unload, paddock switch",
        )


def _partly_elsewhere(now: int, least: int) -> str:
    are = plural(now, "is", "are")
    needed = f"only {least} {plural(least, 'needs', 'need')} to be" if least else "none needs to be"
    return f"{count(now, 'layer')} {are} partly in other memory; {needed}"


def _overflowing(plan: Plan | None) -> int | None:
    return sum(device.overflowing for device in plan.devices) if plan else None


def _overflowed(before: Placement) -> int | None:
    """What fit leaves as asked for it does not print."""
    return (before.layers_overflowing or 0) if before.buffers else None


def _context(load: Load, plan: Plan | None) -> Iterator[Reason]:
    """Fit cuts only a context that is left open. One that is asked for is loaded, or nothing is; a
    slot then has no more of it than the model was trained for."""
    if load.ctx_asked or plan is None or not plan.n_ctx or not load.placement.n_ctx:
        return
    wanted = plan.n_ctx // load.streams
    if load.placement.n_ctx < (1 - _SHARE) * wanted:
        yield Reason(
            code="context-smaller",
            message=f"the context is {load.placement.n_ctx} tokens instead of {wanted}",
            hint="free GPU memory, or write the CTX_SIZE that it can have",
        )


def _splits(now: Placement, plan: Plan | None, before: Placement | None) -> Iterator[Reason]:
    counts = [plan.graph_splits if plan else None, before.graph_splits if before else None]
    wanted = min((n for n in counts if n is not None), default=None)
    if wanted is not None and now.graph_splits is not None and now.graph_splits > wanted:
        yield Reason(
            code="more-splits",
            message=f"{count(now.graph_splits, 'graph split')} instead of {wanted}",
            hint="a margin of its own for each GPU often lowers them: docs/placement.md",
        )


def _differences(load: Load, plan: Plan) -> Iterator[Reason]:
    """Where other MiB lie than planned; of a projector it is only planned where it lies."""
    held = by_device(load.placement)
    for device in plan.devices:
        planned = device.model + device.context + device.compute
        mib = held.get(device.device, 0.0)
        more = mib - planned if load.has_projector else abs(mib - planned)
        if more > max(_SHARE * planned, _MIB):
            yield Reason(
                code="placement-differs",
                message=f"{device.device} holds {gib(mib)} instead of the planned {gib(planned)}",
                hint="`paddock plan` shows what was expected, `paddock history` what was before",
            )


# ---- how it runs ----


def _best(loads: Iterable[LoadEntry]) -> float | None:
    return max((load.generation for load in loads if load.generation), default=None)


def _speed_findings(
    generation: float | None, expected: float | None, best: float | None
) -> Iterator[Reason]:
    if generation is None:
        return
    if expected and generation < _SLOW * expected:
        yield Reason(
            code="slower-than-expected",
            message=f"{generation:.1f} tokens/s, SPEED says {expected:g}",
            hint="if it never was faster, correct SPEED",
        )
    if best and generation < _SLOW * best:
        yield Reason(
            code="slower-than-best",
            message=f"{generation:.1f} tokens/s, {best:.1f} were measured with the same profile, "
            "engine and devices",
            hint="`paddock history` shows when it changed",
        )
