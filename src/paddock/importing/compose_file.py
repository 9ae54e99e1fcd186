"""Reads a wrapper's docker-compose.yml: defaults of variables, and which folder is mounted where."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paddock.config.vocabulary import EXTRA_ARGS, WRAPPER_FLAGS
from paddock.importing.env_file import read_env_file
from paddock.importing.key_comments import KeyComments
from paddock.importing.mounts import Mounts
from paddock.importing.page import Page
from paddock.importing.yaml_file import Yaml, items, mapping, read_yaml, text_of

NAMES = ("docker-compose.yml", "docker-compose.yaml", "compose.yml", "compose.yaml")
_VARIABLE = re.compile(r"\$\$|\$\{(\w+)(?:(:?[-?+])([^}]*))?\}|\$(\w+)")
_OURS = frozenset({*WRAPPER_FLAGS, EXTRA_ARGS})
_BACKEND = re.compile(r"(CUDA|GGML|HIP|HSA|ROCR|ONEAPI|ZE|SYCL|OMP|GPU|VK)_")
_LOST = {
    "command": "Paddock starts llama-server itself: give its flags to the profiles",
    "ports": "Paddock answers at 127.0.0.1:8080: `listen` in paddock.toml",
    "image": "Paddock uses its default engine; `engine = container:IMAGE` keeps the image",
    "build": "Paddock uses its default engine: `paddock engine build`, or `engine = container:IMAGE`",
}


@dataclass(slots=True)
class Compose:
    """What the service that runs llama-server sets. Without a file all is empty."""

    defaults: dict[str, tuple[str, str]] = field(default_factory=dict)  # key: value, where
    mounts: Mounts = field(default_factory=Mounts)
    env: dict[str, str] = field(default_factory=dict)  # what backends read
    comments: dict[str, list[str]] = field(default_factory=dict)  # by key, above its default
    prefix: str = ""  # what compose puts before MODEL: `/models/`


def read_compose(folder: Path, env: Mapping[str, str], notes: Page) -> Compose:
    """Read the first compose file in the folder."""
    path = next((folder / name for name in NAMES if (folder / name).is_file()), None)
    if path is None:
        return Compose()
    file = read_yaml(path)
    for name, described in mapping(file.value.get("services")).items():
        service = mapping(described)
        given = environment(service.get("environment"))
        if _OURS & {key.lower() for key in given}:
            return _service(file, name, service, given, env, notes)
    notes.note(path.name, "no service has a variable such as MODEL or CTX_SIZE")
    return Compose()


def environment(value: object) -> dict[str, str]:
    """A service's variables, from a table or a list of `NAME=value`."""
    if isinstance(value, dict):
        return {key: text_of(typed) for key, typed in mapping(value).items()}
    pairs = (text_of(item).partition("=") for item in items(value))
    return {key.strip(): typed for key, _, typed in pairs}


def _service(
    file: Yaml,
    name: str,
    service: Mapping[str, Any],
    given: Mapping[str, str],
    env: Mapping[str, str],
    notes: Page,
) -> Compose:
    out = Compose()
    comments = KeyComments.of(file, "services")
    for volume in items(service.get("volumes")):
        if not _mount(out.mounts, volume, file.path.absolute().parent, env):
            where = file.where("services", name, "volumes")
            notes.note(where, "no folder of this machine", what=text_of(volume))
    for number, (key, value) in enumerate(given.items()):
        where = f"{file.where('services', name, 'environment')} {key}"
        result = substituted(value, env)
        if key.lower() == "model":
            out.prefix = value.partition("$")[0]
        elif key.lower() in _OURS or key.startswith("LLAMA_ARG_"):
            out.defaults[key] = (result, where)
            path = ("services", name, "environment")
            out.comments[key] = comments.above(*path, key) + comments.above(*path, str(number))
        elif _BACKEND.match(key) and result:
            out.env[key] = result
        else:
            notes.note(where, "give it to an engine of paddock.toml ([engines.NAME] env)")
    for key, why in _LOST.items():
        if key in service:
            notes.note(file.where("services", name, key), why)
    for where, text in comments.lost():
        notes.note(where, "a comment about something that is not carried over", what=text)
    return out


def _mount(mounts: Mounts, volume: object, folder: Path, env: Mapping[str, str]) -> bool:
    if isinstance(volume, dict):
        mount = {key: substituted(text_of(value), env) for key, value in mapping(volume).items()}
        return mounts.add_long(mount, folder)
    return mounts.add_short(substituted(text_of(volume), env), folder)


def dotenv(folder: Path) -> dict[str, str]:
    """What `.env` sets; nothing without one."""
    return read_env_file(folder / ".env") or {}


def substituted(text: str, env: Mapping[str, str]) -> str:
    """As compose reads `${NAME:-default}`, `${NAME}` and `$$`."""

    def meaning(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        value = env.get(found[1] or found[4])
        is_set = bool(value) if (found[2] or "").startswith(":") else value is not None
        if (found[2] or "").endswith("-") and not is_set:
            return found[3]
        return value or ""

    return _VARIABLE.sub(meaning, text)
