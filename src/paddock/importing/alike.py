"""Profiles of one file that differ only in settings that a request can carry become variants of one of them. Pure.

As profiles, each would be loaded anew in the other's place. A variant cannot take back what its
profile sets, so each must say at least what that one says.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from paddock.config.profile import Flag, Profile, Stable
from paddock.config.vocabulary import VARIANT_FLAGS
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
_WHY = "of the same file, and differs only in settings that a request can carry: a variant, so that nothing is reloaded between the two"
_SAME = "of the same file, with the same settings: a variant, which is another name for the same instance, so that nothing is reloaded between the two"
_STAYS = "of the same file, and stays a profile, so that a change between the two reloads the file: a variant cannot take back what its profile sets. With that setting it can be a variant"

Settings = Mapping[str, str]  # by flag


def with_variants(page: Page, stable: Stable) -> Page:
    """The page, which `stable` was read from, with variants in place of such profiles.

    A note for each, and for each that stays a profile only because it leaves something out.
    """
    bases = dict(_bases(tuple(stable.profiles.values())))
    lines: list[PageLine] = []
    notes = list(page.notes)
    new = Page(lines, notes)
    for section in _sections(page.lines):
        name = section[0].text[1:-1] if section and section[0].is_header else ""
        base = bases.get(name)
        if base is None:
            lines += section
            continue
        source, profile = section[0].source or name, stable.profiles[name]
        if unsaid := _unsaid(_settings(profile), _settings(base)):
            new.note(source, _STAYS, "look", f"[{name}] leaves out {unsaid} of [{base.id}]")
            lines += section
        else:
            why = _SAME if _settings(profile) == _settings(base) else _WHY
            new.note(source, why, "changed", f"of [{base.id}]")
            lines += _rewritten(section, base, profile)
    return new


def _bases(profiles: Sequence[Profile]) -> Iterator[tuple[str, Profile]]:
    """Each that another one could run for, and that other profile."""
    alike: dict[Profile, list[Profile]] = defaultdict(list)
    for profile in profiles:
        alike[_instance(profile)].append(profile)
    for group in alike.values():
        base = min(group, key=_rank)
        yield from ((one.id, base) for one in group if one is not base)


def _rank(profile: Profile) -> tuple[bool, int]:
    """The base is the first of those that say least; a hidden one, such as a benchmark, only if all are."""
    return profile.is_unlisted, len(_settings(profile))


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


def _unsaid(own: Settings, base: Settings) -> str:
    """What the base sets and these settings leave to llama-server, by its keys; "" where that is nothing."""
    if own == base:
        return ""
    if missing := [_KEYS[flag] for flag in base if flag not in own]:
        return ", ".join(missing)
    if own.get(_REASONING) == "auto" != base.get(_REASONING):
        return _KEYS[_REASONING]
    if own.get(_KWARGS) == base.get(_KWARGS):
        return ""
    mine, theirs = (_arguments(one.get(_KWARGS, "{}")) for one in (own, base))
    if mine is None or theirs is None or theirs.keys() - mine.keys():
        return _KEYS[_KWARGS]
    return ""


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
    for flag in profile.flags:
        if flag.name in _KEYS and theirs.get(flag.name) != flag.values[0]:
            yield f"{_key(flag)} = {flag.values[0]}"


def _key(flag: Flag) -> str:
    """As the file has it, so that one import writes it in one way; else the usual key."""
    own = flag.origin.key.lower()
    found = VARIANT_FLAGS.find(own)
    return own if found and not found[1] and found[0].name == flag.name else _KEYS[flag.name]


def _sections(lines: Sequence[PageLine]) -> Iterator[list[PageLine]]:
    """What stands before the first header, then each header with what follows it."""
    now: list[PageLine] = []
    for line in lines:
        if line.is_header and now:
            yield now
            now = []
        now.append(line)
    yield now
