"""What engines planned for each version of a profile, and what they could not plan. Does no I/O."""

from collections.abc import Collection

from msgspec import structs

from paddock.api.placement import Plan
from paddock.placement.devices import Readings
from paddock.placement.plan_cache import (
    holds,
    is_news,
    is_outgrown,
    is_reopened,
    may_fit_unseen,
)

_OTHERS_KEPT = 100  # plans of versions that models.conf has no more: they may still run


class KnownPlans:
    """By fingerprint: profiles with the same command line share a plan."""

    def __init__(self) -> None:
        self._made: dict[str, Plan] = {}
        # What the devices had when each was made. An engine may see them otherwise than our readings:
        # what these reject is made anew only where they have changed, or it would be made for ever.
        self._made_with: dict[str, Readings] = {}
        self._outgrown: set[str] = set()  # those that were cut to less than there is now
        self._failed: set[str] = set()  # those whose engine could not plan
        self._judged: set[str] = set()  # those that were at least asked whether they load

    def __contains__(self, fingerprint: str) -> bool:
        return fingerprint in self._made

    def get(self, fingerprint: str, name: str = "") -> Plan | None:
        """The plan, in this profile's `name`."""
        plan = self._made.get(fingerprint)
        if plan is None or not name or plan.profile == name:
            return plan
        return structs.replace(plan, profile=name)

    def is_outgrown(self, fingerprint: str) -> bool:
        """Whether it was cut to less memory than there was when `note_outgrown` looked."""
        return fingerprint in self._outgrown

    def has_failed(self, fingerprint: str) -> bool:
        """Whether its engine could not plan."""
        return fingerprint in self._failed

    def may_load(self, fingerprint: str) -> bool:
        """Whether an engine was asked if it loads: what was planned can be."""
        return fingerprint in self._judged or fingerprint in self._made

    def is_wanted(self, fingerprint: str, now: Readings) -> bool:
        """Whether it is to be made: it is missing, or holds no more and that is news."""
        if fingerprint in self._failed:
            return False
        plan = self._made.get(fingerprint)
        if plan is None:
            return True
        then = self._made_with.get(fingerprint, {})
        is_void = not holds(plan, now) and is_news(plan, then, now)
        return is_void or self.is_reopened(fingerprint, now)

    def is_reopened(self, fingerprint: str, now: Readings) -> bool:
        """Whether it was refused beside instances that are gone, where only an engine sees what they held."""
        plan = self._made.get(fingerprint)
        return plan is not None and is_reopened(plan, self._made_with.get(fingerprint, {}), now)

    def may_fit_unseen(self, fingerprint: str, now: Readings) -> bool:
        """Whether only another look of its engine can show that there is room for it."""
        plan = self._made.get(fingerprint)
        return plan is not None and may_fit_unseen(plan, now)

    # ---- what is learned ----

    def keep(self, fingerprint: str, plan: Plan, readings: Readings) -> None:
        """It was made with these devices."""
        self._made[fingerprint], self._made_with[fingerprint] = plan, readings
        self._outgrown.discard(fingerprint)
        self._failed.discard(fingerprint)

    def amend(self, fingerprint: str, plan: Plan) -> None:
        """It is the same plan, of which more is known."""
        self._made[fingerprint] = plan

    def note_failed(self, fingerprint: str) -> None:
        """Its engine could not plan: that is not tried again until models.conf or the file changes."""
        self._failed.add(fingerprint)

    def note_judged(self, fingerprint: str) -> None:
        """Its engine said whether it loads."""
        self._judged.add(fingerprint)

    def note_outgrown(self, now: Readings) -> bool:
        """See which were cut to less than there is now; whether these are others than before."""
        found = {
            f
            for f, plan in self._made.items()
            if is_outgrown(plan, self._made_with.get(f, {}), now)
        }
        before, self._outgrown = self._outgrown, found
        return found != before

    # ---- what is forgotten ----

    def drop(self, fingerprint: str) -> None:
        """It does not hold."""
        self._made.pop(fingerprint, None)

    def reconsider(self, fingerprint: str) -> None:
        """The file is another than when it was planned."""
        self._made.pop(fingerprint, None)
        self._failed.discard(fingerprint)
        self._judged.discard(fingerprint)

    def keep_only(self, wanted: Collection[str]) -> None:
        """All others but the last ones go, and what could not be made is tried again."""
        others = [fingerprint for fingerprint in self._made if fingerprint not in wanted]
        for fingerprint in others[:-_OTHERS_KEPT]:
            del self._made[fingerprint]
        self._made_with = {f: then for f, then in self._made_with.items() if f in self._made}
        self._failed.clear()
