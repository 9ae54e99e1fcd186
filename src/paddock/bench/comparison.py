"""Two runs beside each other: what changed beyond the spread, and with what it goes together. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from paddock.api.bench import BenchCircumstances, BenchedProfile, BenchRun, Spread
from paddock.bench.spread import Difference, difference, spread_of

Judgement = Literal["better", "worse", "same", "unproven"]
_FOREIGN = 64  # MiB of other programs: less is the breathing of a desktop
_WARM = 0.9  # share in the page cache; a load that is less warm is another figure


@dataclass(frozen=True, slots=True)
class BenchChange:
    """One figure in both runs."""

    figure: str  # `generation at 4,096 tokens`
    unit: str  # `t/s`, `s`
    before: Spread
    after: Spread
    judgement: Judgement

    @property
    def ratio(self) -> float | None:
        """After by before; None where there was nothing."""
        return self.after.median / self.before.median if self.before.median else None


@dataclass(frozen=True, slots=True)
class ProfileComparison:
    """One profile that is in both runs."""

    profile: str
    changes: list[BenchChange]
    together: list[str]  # what differs beside the figures, in words

    @property
    def real(self) -> list[BenchChange]:
        """What changed beyond the spread."""
        return [one for one in self.changes if one.judgement in ("better", "worse")]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of `before` with `after`."""

    before: BenchRun
    after: BenchRun
    profiles: list[ProfileComparison]
    missing: list[str]  # profiles that only one of the runs has


def compared(before: BenchRun, after: BenchRun) -> Comparison:
    """Every profile that both runs have, in the order of `after`."""
    both = [(old, new) for new in after.profiles if (old := before.named(new.profile))]
    names = {new.profile for _, new in both}
    every = dict.fromkeys(one.profile for run in (before, after) for one in run.profiles)
    return Comparison(
        before=before,
        after=after,
        profiles=[_compared(old, new) for old, new in both],
        missing=[name for name in every if name not in names],
    )


def _compared(old: BenchedProfile, new: BenchedProfile) -> ProfileComparison:
    then = {name: (unit, spread) for name, unit, spread in figures(old)}
    changes = [
        BenchChange(name, unit, then[name][1], spread, _judged(then[name][1], spread, unit))
        for name, unit, spread in figures(new)
        if name in then
    ]
    return ProfileComparison(new.profile, changes, list(_together(old, new)))


def figures(one: BenchedProfile) -> Iterator[tuple[str, str, Spread]]:
    """Name, unit and values of everything that was measured of a profile."""
    for name, cached in (("load, cached", True), ("load, from the disk", False)):
        times = [load.seconds for load in one.loads if ((load.cached or 0.0) >= _WARM) == cached]
        if spread := spread_of(times):
            yield name, "s", spread
    for row in one.depths:
        at = f"at {row.depth:,} tokens"
        for name, unit, found in (
            ("first token", "s", row.first_token),
            ("prompt", "t/s", row.prompt),
            ("generation", "t/s", row.generation),
        ):
            if found:
                yield f"{name} {at}", unit, found
    for many in one.streams:
        if many.generation:
            yield f"answers of {many.streams} streams together", "t/s", many.generation


def _judged(before: Spread, after: Spread, unit: str) -> Judgement:
    found: Difference = difference(before, after)
    if found == "same" or found == "unproven":
        return found
    more_is_better = unit != "s"
    return "better" if (found == "more") == more_is_better else "worse"


def _together(old: BenchedProfile, new: BenchedProfile) -> Iterator[str]:
    was, now = old.circumstances, new.circumstances
    pairs = (
        ("engine", _engine(was), _engine(now)),
        ("driver and devices", was.devices, now.devices),
        ("layers on devices", old.layers_offloaded, new.layers_offloaded),
        ("layers of which parts overflow", old.layers_overflowing, new.layers_overflowing),
        ("layers with experts in RAM", old.experts_in_ram, new.experts_in_ram),
        ("graph splits", old.graph_splits, new.graph_splits),
        ("context", old.context, new.context),
        ("slots", old.slots, new.slots),
        ("loaded beside it", ", ".join(sorted(was.beside)), ", ".join(sorted(now.beside))),
    )
    for what, then, here in pairs:
        if then != here:
            yield f"{what}: {_shown(then)} → {_shown(here)}"
    yield from _flags(was.args, now.args)
    yield from _foreign(old, new)
    if beside := _beside_traffic(old) + _beside_traffic(new):
        yield f"{beside} of the samples were taken beside other traffic"


def _beside_traffic(one: BenchedProfile) -> int:
    single = sum(row.beside_traffic for row in one.depths)
    return single + sum(row.beside_traffic for row in one.streams)


def _engine(found: BenchCircumstances) -> str:
    return f"{found.engine} {found.engine_version}".strip()


def _flags(then: list[str], now: list[str]) -> Iterator[str]:
    was, here = _by_flag(then), _by_flag(now)
    for flag in dict.fromkeys((*was, *here)):
        if was.get(flag) != here.get(flag):
            yield f"{flag}: {_shown(was.get(flag))} → {_shown(here.get(flag))}"


def _by_flag(args: list[str]) -> dict[str, str]:
    """Values by flag; a flag may stand several times."""
    found: dict[str, str] = {}
    flag = ""
    for word in args:
        if word.startswith("-") and not word[1:2].isdigit():
            flag = word
            found[flag] = (
                f"{found[flag]}, " if found.get(flag) else "on" if flag not in found else ""
            )
        else:
            before = found.get(flag, "")
            found[flag] = word if before in ("", "on") else f"{before.rstrip(', ')}, {word}"
    return found


def _foreign(old: BenchedProfile, new: BenchedProfile) -> Iterator[str]:
    was = {row.device: row.foreign or 0 for row in old.memory}
    for row in new.memory:
        if row.device in was and abs((row.foreign or 0) - was[row.device]) > _FOREIGN:
            yield f"other programs on {row.device}: {was[row.device]} → {row.foreign or 0} MiB"


def _shown(value: object) -> str:
    return "none" if value is None or value == "" else str(value)
