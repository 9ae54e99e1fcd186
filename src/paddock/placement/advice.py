"""What could be better: the list of rules, and what they find in profiles and the machine. Pure.

A rule is a function of one profile's facts, or of the machine's, and its name is its code. What needs
models.conf alone is found while it is read (`config.lint`), and listed here with the rest.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import get_args

from paddock.api.placement import Advice
from paddock.config.profile import Problem, ProblemCode, Profile
from paddock.config.vocabulary import WRAPPER_FLAGS
from paddock.placement.advice_files import (
    cache_type_refused,
    cannot_load,
    context_shift_recurrent,
    draft_without_type,
    large_ubatch,
    speculation_without_layers,
    unreadable_file,
    v_cache_without_flash_attention,
    wrong_kind_of_file,
)
from paddock.placement.advice_loads import load_mode_slower
from paddock.placement.advice_machine import (
    environment_overrides,
    gpus_unseen,
    llama_config_file,
    swapped_out,
)
from paddock.placement.advice_margins import (
    margin_too_large,
    margins_miscounted,
    one_margin_for_all,
    tensor_split_not_fitted,
)
from paddock.placement.advice_memory import does_not_fit, ram_exceeded
from paddock.placement.advice_speed import dense_in_ram, overrides_not_needed, speed_contradicted
from paddock.placement.profile_facts import Finding, MachineFacts, ProfileFacts

RULES: tuple[Callable[[ProfileFacts], Iterator[Finding]], ...] = (
    unreadable_file,
    cannot_load,
    wrong_kind_of_file,
    speculation_without_layers,
    draft_without_type,
    v_cache_without_flash_attention,
    cache_type_refused,
    does_not_fit,
    ram_exceeded,
    dense_in_ram,
    overrides_not_needed,
    margin_too_large,
    one_margin_for_all,
    margins_miscounted,
    tensor_split_not_fitted,
    large_ubatch,
    context_shift_recurrent,
    speed_contradicted,
    load_mode_slower,
)
MACHINE_RULES: tuple[Callable[[MachineFacts], Iterator[Finding]], ...] = (
    gpus_unseen,
    swapped_out,
    llama_config_file,
    environment_overrides,
)
_KEY = re.compile(r"\b[A-Z][A-Z_]+\b|\b[a-z-]+ =")
OTHER = "models-conf"  # any other problem of the file, which its message explains
_RANK = {"error": 0, "warning": 1, "info": 2}


def code_of(rule: Callable[..., object]) -> str:
    return rule.__name__.replace("_", "-")


CODES = (
    *(code_of(rule) for rule in RULES),
    *(code_of(rule) for rule in MACHINE_RULES),
    *filter(None, get_args(ProblemCode)),
    OTHER,
)


def advise(facts: ProfileFacts) -> list[Advice]:
    """What the rules find in one profile. None says to change what others get from `[*]`."""
    return [
        _advice(code_of(rule), _for_one(finding, facts.profile), facts.profile.id)
        for rule in RULES
        for finding in rule(facts)
    ]


def advise_machine(machine: MachineFacts) -> list[Advice]:
    return [_advice(code_of(rule), found) for rule in MACHINE_RULES for found in rule(machine)]


def advice_of(problem: Problem) -> Advice:
    """What was found while models.conf was read. A profile whose file is missing cannot run."""
    shared = f"[{problem.section}] " if problem.section == "*" else ""
    return Advice(
        code=problem.code or OTHER,
        severity="error" if problem.fails_check else "warning",
        message=shared + problem.message,
        hint=problem.hint,
        profile="" if shared else problem.section,
        line=problem.line,
    )


def checkup(
    problems: Iterable[Problem], profiles: Sequence[ProfileFacts], machine: MachineFacts
) -> list[Advice]:
    """All advice: the machine's first, then profile by profile, the worst first."""
    found = [
        *advise_machine(machine),
        *(advice for facts in profiles for advice in advise(facts)),
        *map(advice_of, problems),
    ]
    known = ["", *(facts.profile.id for facts in profiles), *(a.profile for a in found)]
    place = {name: number for number, name in reversed(list(enumerate(known)))}
    return sorted(found, key=lambda a: (place[a.profile], _RANK[a.severity]))


def _for_one(finding: Finding, profile: Profile) -> Finding:
    """With the section to write into, where what its hint is about stands in `[*]`."""
    named = map(profile.flag, _flags_named(finding.hint))
    shared = [f for f in (finding.at, *named) if f and f.origin.section == "*"]
    if not finding.hint or not shared:
        return finding
    line = shared[0].origin.line
    where = f"do so in [{profile.id}], since line {line} in [*] is for other profiles too"
    return finding._replace(hint=f"{finding.hint}; {where}")


def _flags_named(hint: str) -> list[str]:
    """The flags behind the keys in a hint: `--fit-target` of `write FIT_TARGET = 256`."""
    keys = (found[0].rstrip(" =").lower() for found in _KEY.finditer(hint))
    return [WRAPPER_FLAGS.get(key, f"--{key}") for key in keys]


def _advice(code: str, finding: Finding, profile: str = "") -> Advice:
    return Advice(
        code=code,
        severity=finding.severity,
        message=finding.message,
        hint=finding.hint,
        profile=profile,
        line=finding.at.origin.line if finding.at else 0,
    )
