"""Which flags reach beyond models: they run programs, or read and write files that are no models. Pure.

Over HTTP they may be kept and get no new value (`daemon/editor.py`): a key for management changes how models
run, and not what else happens as the user. Which flags these are is in the engine's own help.
"""

from collections.abc import Iterable, Iterator

from paddock.config.profile import Flag, Problem, Profile
from paddock.config.vocabulary import FETCHED
from paddock.llama.flag_paths import takes_path
from paddock.llama.flags import FlagSet

# Files that llama.cpp reads as GGUF, or as nothing.
_MODELS = frozenset(
    {"--model", "--model-draft", "--mmproj", "--lora", "--lora-scaled"}
    | {"--control-vector", "--control-vector-scaled", "--lookup-cache-static"}
)
_PROGRAMS = frozenset({"--tools", "--tools-runtime", "--agent", "--mcp-servers-json", "--rpc"})
_ADDRESSES = frozenset({"--model-url", "--mmproj-url"})
_DANGER = "untrusted environments"  # the help of build 11434: "do not enable in …"
_FOR_ALL = 'write it into the file itself, or set web-editor = "full" in paddock.toml'

Reach = frozenset[tuple[str, tuple[str, ...]]]  # flags with their values


def reaches(flag: Flag, flags: FlagSet | None) -> bool:
    """Whether it does; also where its engine does not say what it is. Off is always fine."""
    found = flags.find(flag.name) if flags else None
    if found is None:
        return True
    spec, is_off = found
    if is_off:
        return False
    if not _MODELS.isdisjoint(spec.spellings):
        return False
    is_far = not (_PROGRAMS | _ADDRESSES).isdisjoint(spec.spellings)
    is_climbing = "--hf-file" in spec.spellings and any(".." in value for value in flag.values)
    is_dangerous = _DANGER in " ".join(spec.help.split())
    return is_far or is_climbing or is_dangerous or takes_path(spec)


def reach_of(profiles: Iterable[Profile]) -> Reach:
    """All that these profiles have, harmless ones included."""
    return frozenset((flag.name, flag.values) for p in profiles for flag in p.flags)


def _overwrites(profile: Profile, known: Reach) -> frozenset[str]:
    """The flags of files that llama-server writes: what it fetches goes where they say (build 11434)."""
    found: set[str] = set()
    for file, by in FETCHED.items():
        given = [flag for name in (file, *by) if (flag := profile.flag(name))]
        is_new = any((flag.name, flag.values) not in known for flag in given)
        if profile.flag(file) and len(given) > 1 and is_new:
            found.add(file)
    return frozenset(found)


def new_reach(
    profile: Profile, known: Reach, flags: FlagSet | None, file: str
) -> Iterator[Problem]:
    """An error for each flag that reaches further than any that is known, and was written in this file."""
    overwrites = _overwrites(profile, known)
    for flag in profile.flags:
        at = flag.origin
        is_new = (flag.name, flag.values) not in known and reaches(flag, flags)
        if at.line and (is_new or flag.name in overwrites):
            message = f"{flag.name} {' '.join(flag.values)}".strip()
            yield Problem(
                "error",
                f"{message}: what runs programs or names files other than models gets no new value over HTTP",
                _FOR_ALL,
                file,
                at.line,
                at.section or profile.id,
                at.key,
                flag=flag.name,
            )
