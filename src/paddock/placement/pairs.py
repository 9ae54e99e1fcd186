"""Which profiles can be resident together, by their plans. Pure.

Of n profiles there are n (n - 1) / 2 pairs: a caller asks for a page of them, never for all of many.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations

from paddock.api.placement import Pair, Plan
from paddock.placement.plan_sums import MemorySum, sums
from paddock.placement.words import gib


def pairs(plans: Sequence[Plan]) -> list[Pair]:
    """Every two of a few: both plans together, and the larger of their margins, on each device."""
    return [pair(one, other) for one, other in combinations(plans, 2)]


def count(profiles: int) -> int:
    """How many pairs so many profiles make."""
    return profiles * (profiles - 1) // 2


def places(profiles: int, offset: int, limit: int) -> Iterator[tuple[int, int]]:
    """The pairs number `offset` and the following of so many profiles, by place, in the order of `pairs`."""
    row = 0
    while row < profiles and offset >= profiles - 1 - row:
        offset -= profiles - 1 - row
        row += 1
    column = row + 1 + offset
    for _ in range(limit):
        if column >= profiles:
            row, column = row + 1, row + 2
        if column >= profiles:
            return
        yield row, column
        column += 1


def pair(one: Plan, other: Plan) -> Pair:
    """Whether these two fit together; where not, the sum that does not work out."""
    reasons = [reason for memory in sums(one, other) if (reason := _clash(memory))]
    return Pair(
        one=one.profile,
        other=other.profile,
        fits=not reasons,
        why="; ".join(dict.fromkeys(reasons)),
    )


def too_large(plan: Plan) -> str:
    """Which memory is too small for this one by itself, margin included; empty where none is."""
    used = (m for m in sums(plan) if any(m.needed) and not _is_left_out(m, plan))
    short = (m for m in used if m.left is not None and m.left < m.margin)
    reasons = []
    for memory in short:
        spare = f", {gib(memory.margin)} to spare" if memory.margin else ""
        [needed] = memory.needed
        reasons.append(f"{memory.name}: {gib(needed)}{spare}, of {gib(memory.available or 0)}")
    return "; ".join(dict.fromkeys(reasons))


def _is_left_out(memory: MemorySum, plan: Plan) -> bool:
    """Whether fit put nothing on this card, since all that it has is margin.

    What is counted there is the driver's share, which is reckoned: no profile is too large by it.
    """
    there = [device for device in plan.devices if device.device in memory.devices]
    return plan.fits and bool(there) and all(device.is_all_margin for device in there)


def _clash(memory: MemorySum) -> str:
    """The sum that does not work out in a memory that both use; empty where it does."""
    if not all(memory.needed) or memory.left is None:
        return ""
    if memory.name.startswith("RPC"):
        return "they share an RPC server, which answers one client at a time"
    if memory.left >= memory.margin:
        return ""
    one, other = map(gib, memory.needed)
    spare = f", {gib(memory.margin)} to spare" if memory.margin else ""
    return f"{memory.name}: {one} and {other}{spare}, of {gib(memory.available or 0)}"
