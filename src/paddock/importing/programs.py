"""Chooses the engine of each new profile: the default one, or one that gets a name in paddock.toml.

Each program with its environment is one engine, asked once for its flags, so that a fork's flags are
checked by the fork. One that cannot be asked here stays in the file as a comment. Pure but for `Known`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec

from paddock.config.engines import BUILT_IN, EngineSpec
from paddock.config.model_files import at_home
from paddock.errors import EngineError
from paddock.importing.launch import Launch
from paddock.llama.flags import FlagSet

# Of a path or an image, what says nothing about the build.
_GENERIC = frozenset(
    {
        "", "/", "bin", "build", "home", "opt", "usr", "local", "src", "root", "release", "llama-server",
        "server", "app", "git", "projects", "mnt", "srv", "tools", "llama-server.exe", "share", "lib",
    }
)  # fmt: skip
DRIVE = re.compile(r"[A-Za-z]:[\\/]\w")  # how a path of another system begins
_BAD = re.compile(r"[^\w.+-]+")
_DEVICES = re.compile(
    r"(CUDA|HIP|ROCR|GGML_VK|GPU_DEVICE|ZE|ONEAPI)\w*(VISIBLE|AFFINITY|SELECTOR)\w*"
)
_PATHS = ("LD_LIBRARY_PATH", "PATH")


class Known(Protocol):
    """What is known of engines on this machine."""

    @property
    def default_flags(self) -> FlagSet | None:
        """The flags of the default engine; None where none is installed."""
        ...

    @property
    def default_spec(self) -> EngineSpec | None:
        """The default engine as a table of paddock.toml."""
        ...

    @property
    def named(self) -> Mapping[str, EngineSpec]:
        """The engines that paddock.toml has already."""
        ...

    def path_of(self, program: str) -> Path | None:
        """Where a program without a path lies."""
        ...

    def flags(self, spec: EngineSpec) -> FlagSet:
        """Raises EngineError where it cannot be asked."""
        ...


@dataclass(frozen=True, slots=True)
class ChosenEngine:
    """The engine of one profile."""

    name: str  # "": the default one
    flags: FlagSet | None  # the flags that it knows
    problem: str = ""  # why it cannot be used now


@dataclass(slots=True)
class Programs:
    """All engines of one import."""

    known: Known
    file: str  # where they were read, for the notes of paddock.toml
    found: dict[str, EngineSpec] = field(default_factory=dict)  # by name: for paddock.toml
    _chosen: dict[tuple[object, ...], ChosenEngine] = field(default_factory=dict)

    def of(self, launch: Launch, env: Mapping[str, str]) -> ChosenEngine:
        """The engine of this start, with its environment."""
        key = (
            launch.program,
            launch.image,
            launch.folder,
            launch.memory,
            tuple(sorted(env.items())),
        )
        if key not in self._chosen:
            self._chosen[key] = self._choose(launch, env)
        return self._chosen[key]

    def all_flags(self) -> list[FlagSet | None]:
        """Of all engines that were chosen."""
        return [chosen.flags for chosen in self._chosen.values()]

    def _choose(self, launch: Launch, env: Mapping[str, str]) -> ChosenEngine:
        spec, problem = self._spec(launch, env)
        if spec is None:
            return ChosenEngine("", self.known.default_flags, problem)
        name = self._name(spec, "" if launch.image or "/" in launch.program else launch.program)
        if problem:
            return ChosenEngine(name, self.known.default_flags, problem)
        try:
            return ChosenEngine(name, self.known.flags(spec))
        except EngineError as error:
            hint = f" ({error.hint})" if spec.image and error.hint else ""
            return ChosenEngine(name, self.known.default_flags, f"{error.message}{hint}")

    def _spec(self, launch: Launch, env: Mapping[str, str]) -> tuple[EngineSpec | None, str]:
        """None: the default engine as it is."""
        note = f"from {self.file}"
        own = dict(sorted(env.items()))
        if launch.image:
            return EngineSpec(image=launch.image, memory=launch.memory, env=own, note=note), ""
        path, problem = self._path(launch)
        default = self.known.default_spec
        if default and (path is None or _is_same(path, default.path)):
            if problem or not own:
                return None, problem
            return msgspec.structs.replace(default, env={**default.env, **own}, note=note), ""
        if path is None:
            return None, problem or ("no engine is installed that could get it" if own else "")
        return EngineSpec(path=str(path), env=own, note=note), ""

    def _path(self, launch: Launch) -> tuple[Path | None, str]:
        """Of its program; None: the default engine's."""
        program = launch.program
        if DRIVE.match(program):
            return None, f"{program} is a program of another system: the default engine runs it"
        if "/" in program:
            return Path(*(launch.folder / at_home(program)).parts), ""
        if program == "llama-server":
            return None, ""
        if path := self.known.path_of(program):
            return path, ""
        return None, f"there is no program {program} on PATH"

    # ---- names ----

    def _name(self, spec: EngineSpec, program: str) -> str:
        """The name of an equal engine, or a new name that describes it."""
        for name, known in [*self.known.named.items(), *self.found.items()]:
            if _recipe(known) == _recipe(spec):
                return name
        name = base = "-".join(
            filter(None, (program or _of_source(spec), _of_environment(spec.env)))
        )
        number = 2
        while name in self.known.named or name in self.found or name in BUILT_IN:
            name, number = f"{base}-{number}", number + 1
        self.found[name] = spec
        return name


def _recipe(spec: EngineSpec) -> tuple[object, ...]:
    return (spec.source, spec.memory, tuple(sorted(spec.env.items())), spec.flags)


def _is_same(path: Path, other: str | None) -> bool:
    if other is None:
        return False
    try:
        return path.samefile(Path(other).expanduser())
    except OSError:
        return False


def _of_source(spec: EngineSpec) -> str:
    if spec.image:
        name, _, tag = spec.image.rpartition("/")[2].partition(":")
        return _word(f"{name}-{tag}" if tag and tag != "latest" else name)
    if not spec.path:
        return "wheel" if spec.package == "xllamacpp" else "package"
    file = Path(spec.path).name.removeprefix("llama-server").strip("-_.").removesuffix(".exe")
    if file and file != "exe":
        return _word(file)
    parts = [part for part in Path(spec.path).parts if part.lower() not in _GENERIC]
    return _word(parts[-1]) if parts else "llama-server"


def _word(text: str) -> str:
    return _BAD.sub("-", text).strip("-.+") or "engine"


def _of_environment(env: Mapping[str, str]) -> str:
    """Which devices it sees; else that there is something."""
    devices = [value for name, value in env.items() if _DEVICES.fullmatch(name) and value]
    if devices:
        found = _word("-".join(_device(part) for part in devices[0].split(",")))
        return f"gpu{found}" if found[:1].isalnum() else found
    return "env" if any(name not in _PATHS for name in env) else ""


def _device(text: str) -> str:
    """An index as it is, a UUID by its first part."""
    return text.strip().removeprefix("GPU-").partition("-")[0]
