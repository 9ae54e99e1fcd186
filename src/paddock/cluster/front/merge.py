"""What several nodes say, as one stable says it. Pure.

The same profile on several nodes is one row, with the state of the home that is furthest; each home has
a name to insist on it among the aliases. What belongs to one node alone is listed with all the others.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import msgspec
from msgspec.structs import replace

from paddock.api.activity import RequestInfo, Totals
from paddock.api.events import Activity
from paddock.api.types import (
    ConfigInfo,
    InstanceNow,
    ProfileInfo,
    ProfileNow,
    SectionInfo,
    State,
    VariantInfo,
)
from paddock.api.yielding import YieldInfo
from paddock.cluster.front.names import STRIDE, insisting, placed
from paddock.tui.state import View

_FURTHEST: tuple[State, ...] = (
    *("busy", "ready", "draining", "loading", "queued"),
    *("stopping", "failed", "unloaded"),
)
_NOW = ProfileNow.__struct_fields__

Homes = Sequence[tuple[str, SectionInfo]]  # one section of models.conf, by the nodes that have it


@dataclass(frozen=True, slots=True)
class Part:
    """One node's share: its name, the number that its requests carry, and what it says of itself."""

    node: str
    number: int
    view: View


# ---- profiles ----


def profiles(parts: Sequence[Part]) -> list[ProfileInfo]:
    """Every profile once, in the order of the nodes and of their files."""
    rows: dict[str, list[tuple[Part, ProfileInfo]]] = {}
    for part in parts:
        for row in part.view.models:
            rows.setdefault(row.id, []).append((part, row))
    return [_one_profile(homes) for homes in rows.values()]


def profile(parts: Sequence[Part], name: str) -> ProfileInfo | None:
    """One of them, by its id; None where no node has it."""
    found = ((part, part.view.model(name)) for part in parts)
    homes = [(part, row) for part, row in found if row is not None]
    return _one_profile(homes) if homes else None


def _one_profile(homes: Sequence[tuple[Part, ProfileInfo]]) -> ProfileInfo:
    part, best = min(homes, key=lambda home: _FURTHEST.index(home[1].state))
    rows = [row for _, row in homes]
    return replace(
        placed(best, part.node),
        aliases=_names([(part.node, row) for part, row in homes]),
        variants=_distinct(row.variants for row in rows),
        waiting=sum(row.waiting for row in rows),
        switching=any(row.switching for row in rows),
        yielded=all(row.yielded for row in rows),
        last_used=max((row.last_used for row in rows if row.last_used), default=None),
    )


def _names(homes: Homes) -> list[str]:
    aliases = _distinct(row.aliases for _, row in homes)
    return [*aliases, *(insisting(row.id, node) for node, row in homes)]


def _distinct(lists: Iterable[Iterable[str]]) -> list[str]:
    return list(dict.fromkeys(chain.from_iterable(lists)))


def variants(parts: Sequence[Part]) -> list[VariantInfo]:
    """Every variant once."""
    rows: dict[str, list[tuple[str, VariantInfo]]] = {}
    for part in parts:
        for row in part.view.variants:
            rows.setdefault(row.id, []).append((part.node, row))
    return [replace(homes[0][1], aliases=_names(homes)) for homes in rows.values()]


def now(parts: Sequence[Part], name: str) -> ProfileNow | None:
    """How one profile stands; None where no node has it."""
    row = profile(parts, name)
    if row is None:
        return None
    same = {field: getattr(row, field) for field in _NOW if field != "failed"}
    return ProfileNow(**same, failed=row.failure is not None)


def current(parts: Sequence[Part]) -> str | None:
    """Of the profiles that a request without a name gets on each node, the one used last."""
    rows = [row for part in parts if (row := part.view.model(part.view.current or ""))]
    return max(rows, key=lambda row: row.last_used or "").id if rows else None


def waiting(parts: Sequence[Part]) -> dict[str, int]:
    """Requests that wait, by profile."""
    found: dict[str, int] = {}
    for part in parts:
        for name, count in part.view.waiting.items():
            found[name] = found.get(name, 0) + count
    return found


# ---- what happens ----


def requests(parts: Sequence[Part]) -> list[RequestInfo]:
    """Requests in flight, with numbers that say on which node each is."""
    return [
        replace(placed(one, part.node), id=one.id * STRIDE + part.number)
        for part in parts
        for one in part.view.requests
    ]


def activity(parts: Sequence[Part]) -> Activity:
    """What happens just now on all nodes."""
    living = {row.profile for part in parts for row in part.view.instances.values()}
    rows = {name: now(parts, name) for name in sorted(living)}
    return Activity(
        requests=requests(parts),
        devices=[placed(device, part.node) for part in parts for device in part.view.devices],
        totals=totals(parts),
        pressure=max(
            (part.view.pressure for part in parts if part.view.pressure is not None), default=None
        ),
        current=current(parts),
        instances=[
            InstanceNow(id=info.id, phase=info.phase, leases=info.leases)
            for part in parts
            for info in placed(list(part.view.instances.values()), part.node)
        ],
        profiles={name: row for name, row in rows.items() if row is not None},
        faults=[placed(fault, part.node) for part in parts for fault in part.view.faults],
    )


def totals(parts: Sequence[Part]) -> Totals:
    """Of all nodes together, each since its daemon began."""
    return added(part.view.totals for part in parts)


def added(several: Iterable[Totals]) -> Totals:
    """The sum of each field."""
    found = Totals()
    for one in several:
        for field in Totals.__struct_fields__:
            setattr(found, field, getattr(found, field) + getattr(one, field))
    return found


# ---- configuration and yielding ----


def config(parts: Sequence[Part]) -> ConfigInfo:
    """All files of models: where each lies, and what is wrong with the first that has a fault."""
    known = [(part.node, part.view.config) for part in parts if part.view.config]
    errors = (
        replace(info.error, message=f"{node}: {info.error.message}")
        for node, info in known
        if info.error
    )
    return ConfigInfo(
        path=", ".join(f"{node}:{info.path}" for node, info in known),
        loaded_at=max((info.loaded_at for _, info in known), default=""),
        error=next(errors, None),
        warnings=[f"{node}: {line}" for node, info in known for line in info.warnings],
    )


def yielded(parts: Sequence[Part]) -> YieldInfo | None:
    """Where some node's GPUs are left to other programs: whose, and for how long the last of them."""
    found = {part.node: part.view.yielded for part in parts if part.view.yielded}
    if not found:
        return None
    several = list(found.values())
    ends = [one.until for one in several]
    where = "" if len(found) == len(parts) else f" on {', '.join(found)}"
    return YieldInfo(
        since=min(one.since for one in several),
        by=", ".join(dict.fromkeys(one.by for one in several)) + where,
        until=None if None in ends else max(end for end in ends if end),
        requests=several[0].requests,
        leaving=_distinct(one.leaving for one in several),
        staying=_distinct(one.staying for one in several),
        back=_distinct(one.back for one in several),
    )


def rows_by_name(lists: Mapping[str, Sequence[msgspec.Struct]]) -> list[msgspec.Struct]:
    """The rows of several nodes' lists, each `id` once: the first that has it."""
    found: dict[str, msgspec.Struct] = {}
    for rows in lists.values():
        for row in rows:
            found.setdefault(row.id, row)  # type: ignore[attr-defined]
    return list(found.values())
