"""Profiles that name a repository of a hub (`hf-repo`, `hf-file`): which files they mean, and where these lie here.

With files that are here such a profile is as if it named them: no network is needed for a load, and it can be planned. Others
are fetched before their first load (`daemon/fetches.py`). No file is opened.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from paddock.config.model_files import missing
from paddock.config.model_folder import look_into
from paddock.config.profile import Flag
from paddock.config.router_names import Files, caches, chosen_of, repository_of

_REPOSITORY, _FILE = "--hf-repo", "--hf-file"
_OWN_PROJECTOR = frozenset({"--mmproj", "--mmproj-url", "--no-mmproj", "--no-mmproj-auto"})


def hub_name(flags: Sequence[Flag]) -> str:
    """`OWNER/REPO`, `OWNER/REPO:QUANT` or `OWNER/REPO/FILE`; empty where they name a file of their own, or nothing."""
    given = {flag.name: flag.values[0] for flag in flags if flag.values}
    repository = given.get(_REPOSITORY, "")
    if "--model" in given or not repository:
        return ""
    file = given.get(_FILE)
    return f"{repository.partition(':')[0]}/{file}" if file else repository


def with_files(
    flags: tuple[Flag, ...], name: str, models: Path, environ: Mapping[str, str]
) -> tuple[Flag, ...]:
    """The flags with the files in the place of the repository, where they are here; else as they are."""
    found = hub_files(name, models, environ)
    if not found:
        return flags
    if not _OWN_PROJECTOR.isdisjoint(flag.name for flag in flags):
        found.pop("--mmproj", None)
    origin = next(flag.origin for flag in flags if flag.name == _REPOSITORY)
    kept = (flag for flag in flags if flag.name not in (_REPOSITORY, _FILE))
    named = [Flag(name, (str(path),), origin) for name, path in found.items()]
    return (*named, *kept)


def hub_files(name: str, models: Path, environ: Mapping[str, str]) -> Files:
    """The whole files of this name, by the flags that take them: in a cache, or as `pull-into = "models"` lays them."""
    repository, _, file = _parts(name)
    if not repository_of(repository):
        return {}
    for home in _homes(repository, models, environ):
        paths = [one.path for one in look_into(home).files]
        found = _of_file(paths, file) if file else chosen_of(paths, name)
        if found and not list(missing(found["--model"])):
            return found
    return {}


def _parts(name: str) -> tuple[str, str, str]:
    """The repository, its `/`, and a file within it."""
    owner, _, tail = name.partition("/")
    repository, slash, file = tail.partition("/")
    return f"{owner}/{repository}", slash, file


def _homes(repository: str, models: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    owner, _, name = repository.partition(":")[0].partition("/")
    homes = [cache / f"models--{owner}--{name}" for cache in caches(environ)]
    for home in (*homes, models / owner / name):
        try:
            if home.is_dir():
                yield home
        except OSError:
            continue


def _of_file(paths: Sequence[Path], file: str) -> Files:
    """That file, and a projector beside it; capitals do not count, as for llama-server."""
    wanted = f"/{file}".lower()
    found = next((path for path in paths if str(path).lower().endswith(wanted)), None)
    if found is None:
        return {}
    projectors = [path for path in paths if "mmproj" in path.name]
    return {"--model": found} | ({"--mmproj": projectors[0]} if projectors else {})
