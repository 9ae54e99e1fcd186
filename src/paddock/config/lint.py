"""What is doubtful in a profile that can be used all the same."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from paddock.config.model_files import MODEL_FLAGS, missing
from paddock.config.profile import Flag, Origin, Problem, Profile
from paddock.config.vocabulary import REMOTE
from paddock.llama.flags import FlagSet

# Set by hand, these make llama.cpp's fit give up just when the model does not fit (common/fit.cpp,
# "already set by user, abort"), after it has already cut an unset context to 4096 tokens.
FIT_BLOCKERS = ("--tensor-split", "--override-tensor", "--cpu-moe", "--n-cpu-moe", "--n-cpu-ffn")

_FITTABLE = frozenset({"auto", "-1", "0"})  # 0: nothing on a GPU, hence nothing to move


def lint(
    profile: Profile, origins: Mapping[str, Origin], flags: FlagSet | None, file: str
) -> Iterator[Problem]:
    """Warnings about one profile. `origins` tells where its own fields were written."""
    yield from _files(profile, file)
    yield from _fit(profile, flags, file)
    yield from _not_yet(profile, origins, file)


def _files(profile: Profile, file: str) -> Iterator[Problem]:
    """A file that llama-server will fetch (`model-url`) need not be there."""
    if any(profile.flag(name) for name in REMOTE):
        return
    for flag in profile.flags:
        if flag.name in MODEL_FLAGS:
            for message, hint in missing(Path(flag.values[0])):
                yield _at(flag, f"{flag.origin.key}: {message}", hint, file, profile, is_file=True)


def _fit(profile: Profile, flags: FlagSet | None, file: str) -> Iterator[Problem]:
    if not flags or not flags.find("fit") or _is_off(profile.flag("--fit")):
        return
    layers = profile.flag("--n-gpu-layers")
    if layers and layers.values[0] not in _FITTABLE:
        message = f"{' '.join(layers.argv)} keeps --fit from moving layers"
        yield _at(layers, message, "use auto, or FIT = off", file, profile)
    for flag in filter(None, map(profile.flag, FIT_BLOCKERS)):
        message = f"{flag.name} keeps --fit from moving layers"
        yield _at(flag, message, "write FIT = off if that is meant", file, profile)


def _is_off(fit: Flag | None) -> bool:
    return fit is not None and fit.values == ("off",)


def _not_yet(profile: Profile, origins: Mapping[str, Origin], file: str) -> Iterator[Problem]:
    message = "is accepted, but this version does not act on it yet"
    if profile.keep_context and (at := origins.get("keep_context")):
        yield Problem("warning", f"{at.key} {message}", "", file, at.line, at.section, at.key)
    if profile.sampler_policy == "force" and (at := origins.get("sampler_policy")):
        yield Problem("warning", f"{at.key} {message}", "", file, at.line, at.section, at.key)


def _at(
    flag: Flag, message: str, hint: str, file: str, profile: Profile, *, is_file: bool = False
) -> Problem:
    where = flag.origin
    section = where.section or profile.id
    kind = "file" if is_file else ""
    return Problem("warning", message, hint, file, where.line, section, where.key, kind)  # type: ignore[arg-type]
