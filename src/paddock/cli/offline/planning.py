"""Plans without a daemon: this machine read here, the engines asked from here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paddock.errors import PaddockError
from paddock.llama.facts import read
from paddock.placement.estimate import estimated
from paddock.placement.missing_files import with_missing_files
from paddock.placement.plan_cache import PlanCache
from paddock.placement.planner import Planner
from paddock.placement.planning import Circumstances
from paddock.placement.survey import survey

if TYPE_CHECKING:
    from paddock.api.placement import Plan
    from paddock.cli.offline.files import Files
    from paddock.config.profile import Profile
    from paddock.llama.gguf import Facts


class Local:
    """What a verb knows of this machine. Plans are kept where a daemon would keep them."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.around = Circumstances(survey(), overheads={}, ours={})
        self._planner = Planner(PlanCache(files.paths.state_dir / "plans"))

    def names(self) -> list[str]:
        return list(self.files.stable().profiles)

    def plan(self, profile: Profile) -> Plan:
        """By the profile's engine, or an estimate that says why not."""
        facts = self.facts(profile)
        try:
            engine = self.files.engines.find(profile.engine)
        except PaddockError as error:
            plan = estimated(profile, facts, self.around)
            hint = f" ({error.hint})" if error.hint else ""
            plan.notes = [f"an estimate: {error.message}{hint}", *plan.notes]
            return with_missing_files(plan, profile)
        return with_missing_files(self._planner.plan(profile, engine, facts, self.around), profile)

    def facts(self, profile: Profile) -> Facts | None:
        """None where the file is missing or broken; `paddock check` says why."""
        if profile.model is None:
            return None
        try:
            return read(profile.model, cache_dir=self.files.paths.state_dir)
        except PaddockError:
            return None
