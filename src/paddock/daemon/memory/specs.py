"""What the scheduler knows of each profile, made anew only where something behind it is another.

A spec comes from a profile, its plan and what its last load took. Of thousands of profiles one has a
new plan each half second while plans are made: the others keep what they have.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from paddock.api.placement import Plan
from paddock.config.profile import Profile, Stable
from paddock.core.model import ProfileId, Spec
from paddock.daemon.activity.switches import Switches
from paddock.daemon.memory.demands import spec_of
from paddock.daemon.memory.plans import ProfilePlans
from paddock.llama.gguf import Facts


@dataclass(frozen=True, slots=True)
class _Basis:
    """What a spec was made from, to be compared with what there is now."""

    profile: Profile
    plan: Plan | None  # the engine's; None: an estimate stands in
    seconds: float | None  # that its last load took
    facts: Facts | None  # of its file, and
    knowledge: object  # of the devices: what an estimate is made from

    def is_same(self, other: "_Basis") -> bool:
        return (
            self.profile is other.profile
            and self.plan is other.plan
            and self.seconds == other.seconds
            and (self.plan is not None or self._is_estimated_alike(other))
        )

    def _is_estimated_alike(self, other: "_Basis") -> bool:
        return self.facts is other.facts and self.knowledge is other.knowledge


class Specs:
    """Of every profile of a models.conf."""

    def __init__(self, plans: ProfilePlans, switches: Switches) -> None:
        self._plans, self._switches = plans, switches
        # By `id` of the profile, which its basis keeps alive: a file may be read while another is active.
        self._known: dict[int, tuple[_Basis, Spec]] = {}
        self._knowledge: object = None
        self.made = 0  # specs until now

    def of(self, stable: Stable) -> Iterator[Spec]:
        """In its order; each is made when it is taken, if it must be."""
        if (knowledge := self._plans.knowledge) != self._knowledge:
            self._knowledge = knowledge  # else the old one, which is the same object
        for profile in stable.profiles.values():
            yield self._spec(profile)

    def keep_only(self, stable: Stable) -> None:
        """Forget the profiles of every other file."""
        wanted = {id(profile) for profile in stable.profiles.values()}
        self._known = {key: known for key, known in self._known.items() if key in wanted}

    def _spec(self, profile: Profile) -> Spec:
        plans = self._plans
        basis = _Basis(
            profile,
            plans.current(profile.fingerprint),
            self._switches.expected.get(ProfileId(profile.id)),
            plans.facts(profile),
            self._knowledge,
        )
        known = self._known.get(id(profile))
        if known and known[0].is_same(basis):
            return known[1]
        spec = spec_of(profile, plans.of(profile), measured_cost=basis.seconds)
        self._known[id(profile)] = basis, spec
        self.made += 1
        return spec
