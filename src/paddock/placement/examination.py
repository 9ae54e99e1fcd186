"""Gathers what the rules of advice look at: headers of files, llama.cpp's own settings. Blocking."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from paddock.api.placement import Plan
from paddock.config.ini import parse_ini, read_text
from paddock.config.model_files import MODEL_FLAGS, missing
from paddock.config.profile import Flag, Problem, Profile
from paddock.llama.facts import read_each
from paddock.llama.gguf import Facts, GgufError
from paddock.placement.advice_files import BATCH, UBATCH
from paddock.placement.advice_machine import SYSTEM_CONFIG
from paddock.placement.advice_speed import forcing
from paddock.placement.profile_facts import ProfileFacts, number, value
from paddock.placement.words import layers_in_ram

# What a whole file sets: keys before the first section, and those of the sections of these names
# (common_params_apply_system_config in llama.cpp's common/arg.cpp).
_SHARED_SECTIONS = ("", "*", "default")


Files = dict[str, Facts | GgufError]  # by flag


def read_files(profile: Profile, *, cache_dir: Path) -> Files:
    """The facts of the profile's files, or what is wrong with one; missing ones apart."""
    return read_files_of([profile], cache_dir=cache_dir)[0]


def read_files_of(profiles: Sequence[Profile], *, cache_dir: Path) -> list[Files]:
    """The same for many profiles, read by one process."""
    paths = [_files(profile) for profile in profiles]
    wanted = (path for files in paths for path in files.values())
    found = dict(read_each(wanted, cache_dir=cache_dir))
    return [{flag: found[path] for flag, path in files.items()} for files in paths]


def _files(profile: Profile) -> dict[str, Path]:
    named = {f.name: Path(f.values[0]) for f in profile.flags if f.name in MODEL_FLAGS}
    return {flag: path for flag, path in named.items() if not any(missing(path))}


def is_doubtful(files: Mapping[str, Facts | GgufError]) -> bool:
    """Whether only the engine can say if it loads these files."""
    return any(isinstance(facts, GgufError) or facts.doubts for facts in files.values())


# ---- the same profile, but for one thing ----


def unforced(profile: Profile) -> Profile | None:
    """The profile without flags that keep tensors in RAM; None where it has none."""
    forcers = list(forcing(profile))
    return _with(profile, (f for f in profile.flags if f not in forcers)) if forcers else None


def unbound(profile: Profile, plan: Plan) -> Profile | None:
    """With a context that fit may cut; None where all layers lie on devices, or it may already."""
    is_bound = profile.ctx_size and layers_in_ram(plan)
    return _without(profile, "--ctx-size") if is_bound else None


def with_small_batch(profile: Profile) -> Profile | None:
    """With the usual ubatch; None where it has no larger one."""
    ubatch = number(profile, "--ubatch-size", UBATCH)
    is_large = ubatch > UBATCH and ubatch == number(profile, "--batch-size", BATCH)
    return _without(profile, "--ubatch-size") if is_large else None


def _without(profile: Profile, name: str) -> Profile:
    return _with(profile, (flag for flag in profile.flags if flag.name != name))


def _with(profile: Profile, flags: Iterable[Flag]) -> Profile:
    return replace(profile, flags=tuple(flags))


def plans_for_gpus(profiles: Iterable[ProfileFacts]) -> tuple[Plan, ...]:
    """The plans of the profiles that use GPUs."""
    wanting = (p for p in profiles if value(p.profile, "--device", "") != "none")
    return tuple(facts.plan for facts in wanting if facts.plan)


# ---- llama.cpp's own settings ----


def config_files(environ: Mapping[str, str]) -> dict[Path, tuple[str, ...]]:
    """The config.ini files that a llama-server by hand would read, each with the keys that it sets."""
    home = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "/")) / ".config")
    places = (SYSTEM_CONFIG, home / "llama.cpp" / "config.ini")
    return {path: _keys(path) for path in places if _is_there(path)}


def _is_there(path: Path) -> bool:
    with suppress(OSError):
        return path.is_file()
    return False


def _keys(path: Path) -> tuple[str, ...]:
    text = read_text(path)
    if isinstance(text, Problem):
        return ()
    sections, _ = parse_ini(text, str(path))
    return tuple(e.key for s in sections if s.name in _SHARED_SECTIONS for e in s.entries)
