"""Who is kept from the GPUs while they are yielded, and comes back."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from paddock.core.model import ProfileId


@dataclass(slots=True)
class Away:
    """The GPUs are yielded; these come back afterwards, in this order."""

    profiles: list[ProfileId] = field(default_factory=list)

    def note(self, profiles: Iterable[ProfileId]) -> None:
        self.profiles += [p for p in dict.fromkeys(profiles) if p not in self.profiles]
