"""What `paddock show` and a reload report about profiles. Pure."""

from dataclasses import dataclass, fields, replace

from paddock.config.profile import Flag, Origin, Profile, Stable


@dataclass(frozen=True, slots=True)
class EffectiveFlag:
    """One effective flag."""

    flag: str
    values: tuple[str, ...]
    origin: str
    overridden: tuple[str, ...]  # nearest first: `4096 ([a] CTX_SIZE, line 9)`


@dataclass(frozen=True, slots=True)
class Changes:
    """What a new version of models.conf means for each profile, by id."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()  # in any way but its comments and the lines where it is written
    restarts: tuple[str, ...] = ()  # those of `changed` whose instance would start differently

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def show(profile: Profile) -> tuple[EffectiveFlag, ...]:
    """The effective command line, flag by flag."""
    return tuple(_row(flag) for flag in profile.flags)


def _row(flag: Flag) -> EffectiveFlag:
    overridden = tuple(_overridden(values, origin) for values, origin in flag.overrides)
    return EffectiveFlag(flag.name, flag.values, str(flag.origin), overridden)


def _overridden(values: tuple[str, ...], origin: Origin) -> str:
    return f"{' '.join(values)} ({origin})"


def compare(old: Stable, new: Stable) -> Changes:
    """What changed; moved lines, other comments and another order of profiles do not count."""
    both = [id_ for id_ in new.profiles if id_ in old.profiles]
    changed = [i for i in both if _has_changed(i, old, new)]
    return Changes(
        added=tuple(i for i in new.profiles if i not in old.profiles),
        removed=tuple(i for i in old.profiles if i not in new.profiles),
        changed=tuple(changed),
        restarts=tuple(
            i for i in changed if old.profiles[i].fingerprint != new.profiles[i].fingerprint
        ),
    )


def _has_changed(profile: str, old: Stable, new: Stable) -> bool:
    if _substance(old.profiles[profile]) != _substance(new.profiles[profile]):
        return True
    before, after = ([replace(v, line=0) for v in x.variants_of(profile)] for x in (old, new))
    return before != after


_LEFT_OUT = {"line", "flags", "comments"}
_SUBSTANCE = tuple(f.name for f in fields(Profile) if f.compare and f.name not in _LEFT_OUT)


def _substance(profile: Profile) -> tuple[object, ...]:
    """The profile without its flags' origins, its line and its comments."""
    return (profile.argv, *(getattr(profile, name) for name in _SUBSTANCE))
