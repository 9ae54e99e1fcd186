"""One profile in full: its flags and where each was written, its file's facts, what its owner typed."""

import asyncio

from paddock.api.profiles import FlagInfo, ProfileDetail
from paddock.config import explain
from paddock.config.claims import contradicted
from paddock.config.profile import Profile
from paddock.daemon.parts import Parts
from paddock.daemon.reports.view import StatusView
from paddock.placement.fact_lines import fact_lines, facts_of


async def profile_detail(parts: Parts, view: StatusView, profile: Profile) -> ProfileDetail:
    """All that is known of it without asking its engine. Reads the file's header if that is not known."""
    await parts.files.look(parts.roster.stable)
    info, facts, problem = view.profile(profile), parts.roster.facts(profile), ""
    if facts is None:
        facts, problem = await asyncio.to_thread(facts_of, profile, parts.paths.state_dir)
    return ProfileDetail(
        profile=info,
        flags=[_flag(row) for row in explain.show(profile)],
        facts=fact_lines(profile, facts) if facts else {},
        facts_problem=problem,
        comments=list(profile.comments),
        contradictions=list(contradicted(facts, profile)) if facts else [],
    )


def _flag(row: explain.EffectiveFlag) -> FlagInfo:
    return FlagInfo(
        flag=row.flag, values=list(row.values), origin=row.origin, overridden=list(row.overridden)
    )
