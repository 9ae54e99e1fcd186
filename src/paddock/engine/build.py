"""Compiles an engine, in a folder of its own beside all others: what works is never replaced.

STATE/builds/NAME/           while it is being built; the next call continues where one broke off
STATE/engines/NAME-BUILD/    when it is done: programs, log, and the recipe they were made by
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec

from paddock.engine.build_step import BuildSteps, ReportProgress
from paddock.engine.engine import Engine
from paddock.engine.locate import find_engine
from paddock.engine.source import Folder, Source, build_number, copy, fetch, patch
from paddock.engine.toolchain import tool
from paddock.errors import EngineError
from paddock.plain_file import read_plain

_LOG, _RECIPE = "build.log", "recipe.json"
_TARGET = "llama-server"


@dataclass(frozen=True, slots=True)
class BuildOrder:
    """What is to be built."""

    name: str
    source: Source
    patches: tuple[Path, ...] = ()
    options: tuple[str, ...] = ()  # for CMake
    jobs: int = 1


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """What a build is made of; a changed recipe starts the build over."""

    source: str
    patches: dict[str, str] = {}  # digests by name
    options: tuple[str, ...] = ()


def recipe_of(order: BuildOrder) -> Recipe:
    return Recipe(
        source=repr(order.source),
        patches={one.name: sha256(read_plain(one)).hexdigest() for one in order.patches},
        options=order.options,
    )


def build(order: BuildOrder, state_dir: Path, report: ReportProgress) -> tuple[Path, Engine]:
    """Build it; the new llama-server and its engine. EngineError: then the next call continues."""
    workshop = state_dir / "builds" / order.name
    workshop.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(workshop):
        _begin_or_go_on(workshop, recipe_of(order))
        steps = BuildSteps(workshop / _LOG, report, _environment(workshop))
        tree = _prepared(order, workshop, steps)
        _compile(order, tree, workshop, steps)
        report("looking at what came of it", None)
        path, engine = _set_up(order, workshop, state_dir)
        shutil.rmtree(workshop)
    return path, engine


@contextmanager
def _alone(workshop: Path) -> Iterator[None]:
    lock = os.open(workshop, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise EngineError(
            f"{workshop.name} is being built already", hint="wait for it, or choose another --name"
        ) from None
    finally:
        os.close(lock)


def _begin_or_go_on(workshop: Path, recipe: Recipe) -> None:
    written = workshop / _RECIPE
    encoded = msgspec.json.format(msgspec.json.encode(recipe), indent=2)
    if written.exists() and written.read_bytes() == encoded:
        return
    for child in workshop.iterdir():
        shutil.rmtree(child) if child.is_dir() else child.unlink()
    written.write_bytes(encoded)


def _environment(workshop: Path) -> dict[str, str]:
    """Without prompts for passwords, and without a git repository around the workshop."""
    ours = {"GIT_CEILING_DIRECTORIES": str(workshop), "GIT_TERMINAL_PROMPT": "0"}
    return {**os.environ, **ours, "LC_ALL": "C.UTF-8"}


def _prepared(order: BuildOrder, workshop: Path, steps: BuildSteps) -> Path:
    """The tree to compile, patched once; where patching broke off, it is fetched again."""
    source, patched = workshop / "source", workshop / "patched"
    if not order.patches:
        return fetch(order.source, source, steps)
    if isinstance(order.source, Folder):  # which may have changed since
        tree = copy(order.source, source)
    elif patched.exists():
        return fetch(order.source, source, steps)
    else:
        shutil.rmtree(source, ignore_errors=True)
        tree = fetch(order.source, source, steps)
    patch(tree, order.patches, steps)
    patched.touch()
    return tree


def _compile(order: BuildOrder, tree: Path, workshop: Path, steps: BuildSteps) -> None:
    cmake, into = tool("cmake"), str(workshop / "build")
    number = build_number(workshop / "source")
    known = [f"-DLLAMA_BUILD_NUMBER={number}"] if number else []
    steps.run("configuring", [cmake, "-S", str(tree), "-B", into, *known, *order.options])
    words = [cmake, "--build", into, "--target", _TARGET, "--parallel", str(order.jobs)]
    steps.run("compiling", words)


def _set_up(order: BuildOrder, workshop: Path, state_dir: Path) -> tuple[Path, Engine]:
    """Probe the program first, then move it to its place in one step."""
    made = workshop / "build" / "bin"
    if not (made / _TARGET).is_file():
        raise EngineError(
            f"there is no bin/{_TARGET} in {workshop / 'build'}", hint="is it llama.cpp?"
        )
    number = find_engine(str(made / _TARGET), cache_dir=workshop).build
    place = _free(state_dir / "engines", f"{order.name}-{number}" if number else order.name)
    partial = place.with_name(f".{place.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(made, partial, symlinks=True)
    for name in (_LOG, _RECIPE):
        shutil.copy2(workshop / name, partial)
    partial.rename(place)
    return place / _TARGET, find_engine(str(place / _TARGET), cache_dir=state_dir)


def _free(folder: Path, name: str) -> Path:
    """A free folder: an earlier engine may have this name."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    taken = {path.name for path in folder.iterdir()}
    following = (f"{name}.{count}" for count in range(2, len(taken) + 3))
    return folder / next(one for one in (name, *following) if one not in taken)
