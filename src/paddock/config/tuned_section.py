"""Flags of one section changed in a models.conf as text, as tuning tries and writes them. Pure.

A line that is changed stays as a comment, so that a person sees what was there.
"""

from collections.abc import Mapping, Sequence

from paddock.config.ini import Section, lines_of, parse_ini
from paddock.config.profile import Flag, Profile
from paddock.config.section_edit import end_of_value
from paddock.config.trailing import without_comment
from paddock.config.vocabulary import (
    EXTRA_ARGS,
    PADDOCK_KEYS,
    PRESET_KEYS,
    VARIANT_KEYS,
    WRAPPER_FIELDS,
)
from paddock.errors import ConfigError

_FIELDS = {
    key.replace("_", "-")
    for table in (WRAPPER_FIELDS, PADDOCK_KEYS, PRESET_KEYS, VARIANT_KEYS, [EXTRA_ARGS])
    for key in table
}  # keys that set no flag


def is_fixed(profile: Profile, flag: str) -> bool:
    """Whether a key of its section cannot change this flag: its own EXTRA_ARGS sets it, which counts more."""
    found = _flag(profile, flag)
    return (
        found is not None
        and found.origin.section == profile.id
        and found.origin.key.lower() == EXTRA_ARGS
    )


def retuned(
    text: str,
    profile: Profile,
    changes: Mapping[str, str | None],
    comment: Sequence[str] = (),
) -> str:
    """The text with these flags (without dashes) of a profile's section set, or without them where None.

    `profile`: as this text describes it. `comment`: lines above what is new. All else stays byte for byte.
    ConfigError where a flag is set by the section's EXTRA_ARGS.
    """
    section = _section(text, profile.id)
    lines = lines_of(text)
    new: list[str] = []
    for flag, value in changes.items():
        if is_fixed(profile, flag):
            raise ConfigError(
                f"[{profile.id}] sets --{flag} in EXTRA_ARGS", hint="write it as a key of its own"
            )
        is_set = _flag(profile, flag) is not None
        for at in (*_own_lines(profile, flag), *_repeats(section, profile, flag)):
            lines[at - 1] = f"# {lines[at - 1]}"
        is_below = is_set and not _own_lines(profile, flag)
        if value is not None:
            new.append(f"{flag} = {value}")
        elif is_below or _hides(profile, flag):
            new.append(f"{flag} =")  # `[*]` has it
    last = max((entry.line for entry in section.entries), default=section.line)
    at = end_of_value(lines, last)
    return _inserted(lines, at, [*(f"# {line}" for line in comment if new or changes), *new])


def _own_lines(profile: Profile, flag: str) -> list[int]:
    """Where the section itself sets it: also where it is a list, or is set twice in two spellings."""
    found = [one for one in profile.flags if one.name == f"--{flag}"]
    origins = [one.origin for one in found] + [at for one in found for _, at in one.overrides]
    own = {at.line for at in origins if at.section == profile.id and at.line}
    return sorted(own)


def _repeats(section: Section, profile: Profile, flag: str) -> list[int]:
    """Lines that set it a second time, in another spelling: without the first one they would count."""
    own = _own_lines(profile, flag)
    counting = {found.origin.line for found in profile.flags if found.origin.section == profile.id}
    values = {without_comment(entry.value) for entry in section.entries if entry.line in own}
    return [
        entry.line
        for entry in section.entries
        if entry.line not in counting
        and without_comment(entry.value) in values
        and entry.key.lower().replace("_", "-") not in _FIELDS
    ]


def _hides(profile: Profile, flag: str) -> bool:
    """Whether the section's own value hides one of `[*]`, which would come back."""
    found = _flag(profile, flag)
    return found is not None and any(origin.section == "*" for _, origin in found.overrides)


def _flag(profile: Profile, flag: str) -> Flag | None:
    return profile.flag(f"--{flag}")


def _section(text: str, name: str) -> Section:
    sections, _ = parse_ini(text, "")
    found = [section for section in sections if section.name == name and section.line]
    if len(found) != 1:
        raise ConfigError(
            f"there are {len(found)} sections [{name}]", hint="`paddock check` shows them"
        )
    return found[0]


def _inserted(lines: list[str], after: int, new: Sequence[str]) -> str:
    """With these lines behind line `after`; with the line ends that it has."""
    last = lines[after - 1]
    end = last[len(last.rstrip("\r\n")) :]
    if not end:  # the end of the file
        end = "\r\n" if lines[0].endswith("\r\n") else "\n"
        fresh = [f"{end}{line}" for line in new]
    else:
        fresh = [f"{line}{end}" for line in new]
    return "".join([*lines[:after], *fresh, *lines[after:]])
