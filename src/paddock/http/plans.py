"""Plans as the API returns them: of one profile, of a page of them, and which pairs fit together.

Pages are bounded, since n profiles make n (n - 1) / 2 pairs; what a page holds is computed when it is
asked for, in slices between which others have their turn.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aiohttp import web

from paddock.api.placement import Pair, Pairs, Plan, Plans
from paddock.config.profile import Profile
from paddock.errors import BadRequest
from paddock.http.front import Front, Route
from paddock.http.management import reply
from paddock.placement.pairs import count, pair, places

PAGE, MOST = 100, 1000  # rows of a page: by default, and at most


@dataclass(frozen=True, slots=True)
class _Page:
    offset: int
    limit: int

    @property
    def rows(self) -> slice:
        return slice(self.offset, self.offset + self.limit)


async def plans(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """A page of all plans as they are known now, without asking any engine."""
    page, profiles = _page(request), _profiles(front)
    found = await front.daemon.known_plans(profiles[page.rows])
    return reply(Plans(plans=found, total=len(profiles), offset=page.offset))


async def pairs(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """A page of all pairs, or of those of one profile, by the plans as they are known now."""
    page, profiles = _page(request), _profiles(front)
    if model := request.query.get("model"):
        one = front.daemon.resolve(model)
        others = [profile for profile in profiles if profile.id != one.id]
        wanted, total = [(one, other) for other in others[page.rows]], len(others)
    else:
        where, total = places(len(profiles), page.offset, page.limit), count(len(profiles))
        wanted = [(profiles[row], profiles[column]) for row, column in where]
    found = await _judged(front, wanted)
    return reply(Pairs(pairs=found, total=total, offset=page.offset))


async def plan(front: Front, request: web.Request, route: Route) -> web.StreamResponse:
    """The plan of one profile as of now; the engine is asked if need be."""
    profile = front.daemon.resolve(request.match_info["model"])
    return reply(await front.daemon.plan(profile))


async def _judged(front: Front, wanted: Sequence[tuple[Profile, Profile]]) -> list[Pair]:
    involved = list({profile.id: profile for two in wanted for profile in two}.values())
    known = {plan.profile: plan for plan in await front.daemon.known_plans(involved)}
    return await asyncio.to_thread(_pairs, [(known[a.id], known[b.id]) for a, b in wanted])


def _pairs(wanted: Iterable[tuple[Plan, Plan]]) -> list[Pair]:
    return [pair(one, other) for one, other in wanted]


def _profiles(front: Front) -> list[Profile]:
    return list(front.daemon.roster.stable.profiles.values())


def _page(request: web.Request) -> _Page:
    return _Page(
        _number(request, "offset", 0, least=0, most=10**11),
        _number(request, "limit", PAGE, least=1, most=MOST),
    )


def _number(request: web.Request, name: str, default: int, *, least: int, most: int) -> int:
    text = request.query.get(name, str(default))
    is_number = text.isascii() and text.isdecimal() and len(text) <= 12
    if not is_number or not least <= int(text) <= most:
        raise BadRequest(f"{name}: {text!r} is not a number from {least} to {most}")
    return int(text)
