"""Profiles of one file that differ only in what a request can say become variants of one of them. Pure.

As profiles, each would be loaded anew in the other's place. A variant cannot take back what its
profile sets, so each must say at least what that one says.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from paddock.config.profile import Profile, Stable
from paddock.importing.page import Page, PageLine
from paddock.llama.samplers import FLAG_OF

_KWARGS, _REASONING = "--chat-template-kwargs", "--reasoning"
_KEYS = {
    **{flag: flag.removeprefix("--") for flag in FLAG_OF.values()},
    "--temperature": "temp",
    **{
        f"--{key}": key
        for key in ("chat-template-kwargs", "reasoning", "reasoning-effort", "reasoning-budget")
    },
}
_KEPT = frozenset({"name", "description", "aliases", "alias", "hidden", "sampler-policy"})
_WHY = "of the same file, and other only in what a request can say: a variant, so that nothing is reloaded between the two"

Settings = Mapping[str, str]  # by flag


def with_variants(page: Page, stable: Stable) -> Page:
    """The page, which `stable` was read from, with variants in place of such profiles; a note for each."""
    found = dict(_variants(tuple(stable.profiles.values())))
    if not found:
        return page
    lines: list[PageLine] = []
    notes = list(page.notes)
    new = Page(lines, notes)
    for section in _sections(page.lines):
        name = section[0].text[1:-1] if section and section[0].is_header else ""
        if base := found.get(name):
            new.note(section[0].source or name, _WHY, "changed", f"of [{base.id}]")
            lines += _rewritten(section, base, stable.profiles[name])
        else:
            lines += section
    return new


def _variants(profiles: Sequence[Profile]) -> Iterator[tuple[str, Profile]]:
    """The name of each that can be one, and the profile that it is of."""
    alike: dict[Profile, list[Profile]] = defaultdict(list)
    for profile in profiles:
        alike[_instance(profile)].append(profile)
    for group in alike.values():
        base = min(group, key=lambda one: len(_settings(one)))  # the first of those that say least
        for one in group:
            if one is not base and _says_more(_settings(one), _settings(base)):
                yield one.id, base


def _instance(profile: Profile) -> Profile:
    """What it is without its names and without what a request can say."""
    flags = sorted(flag.argv for flag in profile.flags if flag.name not in _KEYS)
    bare = replace(
        profile,
        id="",
        line=0,
        title="",
        description="",
        speed_text="",
        expected_speed=None,
        aliases=(),
        hidden=None,
        comments=(),
        flags=(),
    )
    return replace(bare, model=profile.model, engine=f"{profile.engine} {flags}")


def _settings(profile: Profile) -> Settings:
    return {flag.name: flag.values[0] for flag in profile.flags if flag.name in _KEYS}


def _says_more(own: Settings, base: Settings) -> bool:
    """Whether these are other settings than the base's, with none of the base's left unsaid."""
    if own == base or not own.keys() >= base.keys() or own.get(_REASONING) == "auto":
        return False
    mine, theirs = (_arguments(one.get(_KWARGS, "{}")) for one in (own, base))
    return mine is not None and theirs is not None and mine.keys() >= theirs.keys()


def _arguments(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _rewritten(section: Sequence[PageLine], base: Profile, profile: Profile) -> Iterator[PageLine]:
    """Its names and comments, and behind them what it says otherwise than its base."""
    header, source = section[0], section[0].source
    last = max((at for at, line in enumerate(section) if line.is_key), default=0)
    yield header
    yield PageLine(f"variant-of = {base.id}", source)
    for at, line in enumerate(section[1:], start=1):
        key = line.text.partition("=")[0].strip().lower() if line.is_key else ""
        if not key or key in _KEPT:
            yield line
        elif key == "speed":  # it belongs to the instance
            yield PageLine(f"# {line.text}", line.source)
        if at == last:
            yield from (PageLine(text, source) for text in _said(base, profile))


def _said(base: Profile, profile: Profile) -> Iterator[str]:
    theirs = _settings(base)
    for flag, value in _settings(profile).items():
        if theirs.get(flag) != value:
            yield f"{_KEYS[flag]} = {value}"


def _sections(lines: Sequence[PageLine]) -> Iterator[list[PageLine]]:
    """What stands before the first header, then each header with what follows it."""
    now: list[PageLine] = []
    for line in lines:
        if line.is_header and now:
            yield now
            now = []
        now.append(line)
    yield now
