"""Rounds of faults under traffic, with a look at everything after each. The same seed makes the same plan."""

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.campaign.checks import Checks
from tests.campaign.faults import FAULTS
from tests.campaign.ground import ground
from tests.campaign.traffic import Traffic

_PER_ROUND = 12  # faults
_CLIENTS = 6


@dataclass
class Report:
    """What a campaign came to."""

    seed: int
    faults: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    instances: int = 0
    generations: int = 0
    seconds: float = 0.0


async def campaign(
    root: Path,
    *,
    seed: int,
    faults: int,
    seconds: float = math.inf,
    go_on: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Report:
    """So many faults, or as many as happen in so many `seconds`.

    Stops at the first round after which something is wrong, unless it shall `go_on`.
    """
    rng, report, begun = random.Random(seed), Report(seed), time.monotonic()
    with ground(root) as place:
        traffic, checks = Traffic(place, rng, clients=_CLIENTS), Checks(place)
        while report.faults.total() < faults and time.monotonic() - begun < seconds:
            if report.violations and not go_on:
                break
            traffic.start()
            for name in rng.choices(
                list(FAULTS), k=min(_PER_ROUND, faults - report.faults.total())
            ):
                tell(f"{report.faults.total():5} {name}")
                report.faults[name] += 1
                await FAULTS[name](place, rng)
                await asyncio.sleep(rng.uniform(0, 0.8))
            place.heal()
            await traffic.stop()
            found = [*traffic.violations, *await checks.calm(), *checks.tracebacks()]
            for what in dict.fromkeys(found):
                if what not in report.violations:
                    tell(f"      WRONG: {what}")
                    report.violations.append(what)
        report.requests, report.generations = traffic.ends, place.generation
        numbers = [int(e.name) for e in _instances(place.disk or place.paths.state_dir)]
        report.instances = max(numbers, default=0)
    report.seconds = time.monotonic() - begun
    return report


def _instances(state: Path) -> list[Path]:
    return [entry for entry in (state / "instances").iterdir() if entry.name.isdecimal()]
