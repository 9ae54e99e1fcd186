"""What a node's models are called: ids, aliases and variants, and for whom each is. Pure."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from paddock.api.types import ProfileInfo, VariantInfo
from paddock.config.profile import spellings
from paddock.daemon.keyring import Holder


class Called(NamedTuple):
    """What a name stands for on one node."""

    profile: str  # its id
    variant: str  # the id of another name of its instance; empty: it is asked as it is
    names: frozenset[str]  # of what was named
    profile_names: frozenset[str]

    def is_for(self, holder: Holder | None) -> bool:
        """Whether whoever has this key may ask it: who may ask a profile may ask its variants."""
        allowed = holder.key.models if holder is not None else ()
        return not allowed or any(n in self.names or n in self.profile_names for n in allowed)

    def is_open_to(self, holder: Holder | None) -> bool:
        """Whether it may ask the instance as it is, which no variant has changed."""
        allowed = holder.key.models if holder is not None else ()
        return not allowed or any(name in self.profile_names for name in allowed)


class Directory:
    """Of one node."""

    def __init__(
        self, profiles: Iterable[ProfileInfo] = (), variants: Iterable[VariantInfo] = ()
    ) -> None:
        self._known: dict[str, Called] = {}
        names = {row.id: frozenset((row.id, *row.aliases)) for row in profiles}
        for profile, called in names.items():
            self._add(Called(profile, "", called, called))
        for row in variants:
            of = names.get(row.variant_of, frozenset((row.variant_of,)))
            self._add(Called(row.variant_of, row.id, frozenset((row.id, *row.aliases)), of))

    def _add(self, called: Called) -> None:
        for name in called.names:
            self._known.setdefault(name, called)

    def find(self, name: str) -> Called | None:
        """What has this id or alias, else what clients make of one."""
        if (exact := self._known.get(name)) is not None:
            return exact
        return next(filter(None, map(self._known.get, spellings(name))), None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)
