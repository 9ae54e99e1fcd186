"""Warnings about usable profiles, by models.conf and the engine's flags alone.

What needs the model files or the machine is in `paddock.placement.advice`: reading models.conf again
must stay fast.
"""

from collections.abc import Iterator, Mapping
from typing import Literal

from paddock.config.model_files import MODEL_FLAGS, named_files
from paddock.config.profile import Flag, Origin, Problem, ProblemCode, Profile
from paddock.config.vocabulary import DRAFTS, EXTRA_ARGS, FETCHED, WELL_KNOWN
from paddock.llama.flags import FlagSet

# Set by hand, these make llama.cpp's fit give up just when the model does not fit (common/fit.cpp,
# "already set by user, abort"), after it has already cut an unset context to 4096 tokens.
FIT_BLOCKERS = ("--tensor-split", "--override-tensor", "--cpu-moe", "--n-cpu-moe", "--n-cpu-ffn")

FITTABLE = frozenset({"auto", "-1", "0"})  # 0: nothing on a GPU, hence nothing to move


def lint(
    profile: Profile, origins: Mapping[str, Origin], flags: FlagSet | None, file: str
) -> Iterator[Problem]:
    """Warnings about one profile. `origins`: where its own fields were written."""
    yield from _files(profile, flags or WELL_KNOWN, file)
    yield from _fit(profile, flags, file)
    yield from _twice(profile, file)
    yield from _undrafted(profile, file)
    yield from _kept_in_vain(profile, origins, file)


def _files(profile: Profile, flags: FlagSet, file: str) -> Iterator[Problem]:
    """Missing files that flags name; one that llama-server will download (`model-url`) may be missing."""
    for flag in profile.flags:
        found = flags.find(flag.name)
        if not found or any(profile.flag(name) for name in FETCHED.get(flag.name, ())):
            continue
        if flags.in_image and flag.name not in MODEL_FLAGS:
            continue
        for gone in named_files(found[0], flag.values):
            message = f"{_named(flag)}: {gone.message}"
            kind: Literal["", "file"] = "file" if gone.ends_it else ""
            yield _at(flag, gone.code, message, gone.hint, file, profile, kind=kind)


def _named(flag: Flag) -> str:
    """The key that gives it, and within a command line the flag as well."""
    key = flag.origin.key
    return key if key and key.lower() != EXTRA_ARGS else f"{key}: {flag.name}".lstrip(": ")


def _fit(profile: Profile, flags: FlagSet | None, file: str) -> Iterator[Problem]:
    if not flags or not flags.find("fit") or _is_off(profile.flag("--fit")):
        return
    split = profile.flag("--split-mode")
    if split and split.values == ("tensor",):
        return  # fit does nothing there anyway
    layers = profile.flag("--n-gpu-layers")
    if layers and layers.values[0] not in FITTABLE:
        message = f"{' '.join(layers.argv)} keeps --fit from moving layers"
        hint = "use auto, or FIT = off"
        yield _at(layers, "numeric-gpu-layers", message, hint, file, profile)
    for flag in filter(None, map(profile.flag, FIT_BLOCKERS)):
        message = f"{flag.name} keeps --fit from moving layers"
        hint = "write FIT = off if that is meant"
        yield _at(flag, "fit-blocked", message, hint, file, profile)


def _is_off(fit: Flag | None) -> bool:
    return fit is not None and fit.values == ("off",)


def _twice(profile: Profile, file: str) -> Iterator[Problem]:
    """Within one section: inside its EXTRA_ARGS, or there and as a key. Two keys are an error."""
    for flag in profile.flags:
        if flag.origin.key.lower() == EXTRA_ARGS:
            for values, other in flag.overrides:
                if other.section == flag.origin.section:
                    message = _counts(flag, values, other)
                    yield _at(flag, "duplicate-flag", message, "keep one of them", file, profile)


def _counts(flag: Flag, values: tuple[str, ...], other: Origin) -> str:
    kept = " ".join(flag.values) or flag.name
    place = f"{other.key}, line {other.line},"
    return f"{flag.name} is given twice: {kept} counts, {' '.join(values)} of {place} does not"


def _undrafted(profile: Profile, file: str) -> Iterator[Problem]:
    """Speculation without a draft model: llama-server logs an error and serves without (build 11434)."""
    asked = profile.flag("--spec-type")
    if asked is None or any(profile.flag(name) for name in DRAFTS):
        return
    # MTP's layers may lie in the model itself; n-grams need no model.
    types = [t for t in asked.values[0].split(",") if t.startswith("draft-") and t != "draft-mtp"]
    if types:
        message = f"{types[0]} needs a draft model, and none is given: nothing will be drafted"
        yield _at(asked, "no-draft-model", message, "write model-draft = FILE", file, profile)


def _kept_in_vain(profile: Profile, origins: Mapping[str, Origin], file: str) -> Iterator[Problem]:
    in_the_way = ("--slot-save-path", "--no-slots", "--embeddings", "--reranking")
    flag = next(filter(None, map(profile.flag, in_the_way)), None)
    at = origins.get("keep_context")
    # Only where its own section asks for it: `[*]` says so for all.
    if flag and profile.keep_context == "on" and at and at.section == profile.id:
        message = f"has no effect beside {flag.name}"
        yield Problem("warning", f"{at.key} {message}", "", file, at.line, at.section, at.key)


def _at(
    flag: Flag,
    code: ProblemCode,
    message: str,
    hint: str,
    file: str,
    profile: Profile,
    *,
    kind: Literal["", "file"] = "",
) -> Problem:
    where = flag.origin
    section = where.section or profile.id
    return Problem(
        "warning", message, hint, file, where.line, section, where.key, kind, code, flag.name
    )
