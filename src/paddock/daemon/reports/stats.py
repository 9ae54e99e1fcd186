"""What past switches cost together, and which two profiles kept making each other leave. Pure."""

from collections.abc import Iterable, Sequence

from paddock.api.stats import Alternation, ProfileStats, Stats
from paddock.api.switches import PhaseName, SwitchEntry

_MOST_ALTERNATIONS = 10  # shown: the costliest
_OF_THE_LOAD: tuple[PhaseName, ...] = ("starting", "fitting", "loading", "warming", "restoring")


def summed(since: str, switches: Sequence[SwitchEntry]) -> Stats:
    """Of these switches; nothing is said yet of what would end an alternation."""
    names = dict.fromkeys(entry.profile for entry in switches)
    rows = [_row(name, [e for e in switches if e.profile == name]) for name in names]
    return Stats(
        since=since,
        total=_row("", switches),
        profiles=sorted(rows, key=lambda row: (-row.waited, -row.seconds, row.profile)),
        alternations=_alternations(switches)[:_MOST_ALTERNATIONS],
    )


def _row(name: str, switches: Sequence[SwitchEntry]) -> ProfileStats:
    waits = [wait for entry in switches for wait in entry.waits]
    return ProfileStats(
        profile=name,
        switches=len(switches),
        failed=sum(entry.outcome == "failed" for entry in switches),
        seconds=round(sum(entry.seconds for entry in switches), 3),
        waits=len(waits),
        waited=round(sum(waits), 3),
        longest_wait=max(waits, default=0.0),
        read_again=sum(entry.read_again or 0 for entry in switches),
        read_again_seconds=round(sum(entry.read_again_seconds or 0.0 for entry in switches), 3),
    )


def _alternations(switches: Iterable[SwitchEntry]) -> list[Alternation]:
    """Those that went both ways: who left once and never came back for the other is no alternation."""
    pairs: dict[tuple[str, str], list[SwitchEntry]] = {}
    for entry in switches:
        for left in dict.fromkeys(entry.left):
            if left != entry.profile:
                pairs.setdefault(_pair(entry.profile, left), []).append(entry)
    both_ways = {
        pair: found for pair, found in pairs.items() if len({e.profile for e in found}) == 2
    }
    rows = [_alternation(one, other, found) for (one, other), found in both_ways.items()]
    return sorted(rows, key=lambda row: (-row.waited, -row.loading, row.one, row.other))


def _pair(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one < other else (other, one)


def _alternation(one: str, other: str, switches: Sequence[SwitchEntry]) -> Alternation:
    total = _row("", switches)
    phases = [phase for entry in switches for phase in entry.phases]
    return Alternation(
        one=one,
        other=other,
        times=len(switches),
        waited=total.waited,
        loading=round(sum(p.seconds for p in phases if p.name in _OF_THE_LOAD), 3),
        read_again=total.read_again,
        read_again_seconds=total.read_again_seconds,
    )
