"""What profiles have in common is kept once: of thousands of them most flags come from `[*]`, and most of
what a reload reads is what was read before. Pure."""

from collections.abc import Mapping
from dataclasses import fields, replace

from paddock.config.profile import Flag, Profile

_FIELDS = tuple(
    f.name for f in fields(Profile) if f.init and f.name not in {"flags", "runner", "build"}
)
_NONE: Mapping[str, Flag] = {}


class Sharing:
    """Of one reading of models.conf. `before`: the profiles that were read last, by id."""

    def __init__(self, before: Mapping[str, Profile]) -> None:
        self._before = before
        self._common: dict[Flag, Flag] = {}  # those that no section of its own gave

    def of(self, profile: Profile) -> Profile:
        """An equal one, made of what is there already; the very one from before where nothing is new."""
        before = self._before.get(profile.id)
        if before is None:
            return replace(profile, flags=self._flags(profile, _NONE))
        known = {flag.name: flag for flag in before.flags}
        same = {
            name: old
            for name in _FIELDS
            if (old := getattr(before, name)) == getattr(profile, name)
        }
        flags = self._flags(profile, known)
        if len(same) == len(_FIELDS) and flags == before.flags:
            return before
        return replace(profile, flags=flags, **same)

    def _flags(self, profile: Profile, known: Mapping[str, Flag]) -> tuple[Flag, ...]:
        return tuple(self._flag(flag, known.get(flag.name), profile.id) for flag in profile.flags)

    def _flag(self, flag: Flag, before: Flag | None, section: str) -> Flag:
        if flag == before:
            return before
        return flag if flag.origin.section == section else self._common.setdefault(flag, flag)
