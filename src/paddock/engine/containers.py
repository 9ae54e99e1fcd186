"""Container images as engines: finds them for the daemon, and removes what they leave behind.

The daemon never talks to a container engine itself: programs beside it do (`container_server`).
"""

import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from paddock.config.engines import CONTAINER
from paddock.engine import container_options
from paddock.engine.bounded_run import bounded_run
from paddock.engine.probe import Candidate
from paddock.errors import EngineError
from paddock.extras import install_command

_SERVER = "paddock.engine.container_server"
_TIMEOUT = 60.0  # seconds: a container engine that is started by its socket takes a few


def candidate(name: str, image: str, environ: Mapping[str, str]) -> Candidate:
    """The llama-server in this image. Raises EngineError: no container engine, or no such image."""
    if find_spec("docker") is None:
        raise EngineError(
            "the library for container engines is not installed",
            hint=f"{install_command('containers')} brings what speaks to Docker and Podman",
        )
    identity = _identity(image, tuple(sorted(environ.items())))
    return Candidate(name, "container", (*_program(), image), _own_files(), stamp=identity)


def forget() -> None:
    """Forget what is known of images: they may have been pulled again."""
    _identity.cache_clear()


def is_container(argv: Sequence[str]) -> bool:
    """Whether this command line runs a container."""
    return _SERVER in argv[:4]


def reap(place: Path, living: Iterable[str], environ: Mapping[str, str]) -> list[str]:
    """Remove the containers of a daemon with this folder of sockets, except those with a live socket.

    Blocking. Errors are ignored: there is nothing to remove, or no container engine.
    """
    argv = [*_program(), "--reap", str(place), *living]
    try:
        done = _run(argv, environ)
    except EngineError:
        return []
    return done.split()


def _program() -> tuple[str, ...]:
    return (sys.executable, "-P", "-m", _SERVER)


def _own_files() -> tuple[Path, ...]:
    return tuple(sorted(Path(container_options.__file__).parent.glob("container_*.py")))


@cache
def _identity(image: str, environ: tuple[tuple[str, str], ...]) -> str:
    """The image's digest; cached, as every look at an engine asks for it."""
    return f"{CONTAINER}{image}@{_run([*_program(), '--identity', image], dict(environ)).strip()}"


def _run(argv: Sequence[str], environ: Mapping[str, str]) -> str:
    try:
        done = bounded_run(argv, environ=environ, timeout=_TIMEOUT)
    except subprocess.TimeoutExpired:
        raise EngineError(
            f"the container engine did not answer within {_TIMEOUT:g} s", hint="is it overloaded?"
        ) from None
    if done.returncode != 0:
        first, *more = [line.removeprefix("error: ") for line in done.stderr.splitlines()] or ["?"]
        raise EngineError(first, hint=more[-1] if more else "", detail=tuple(more[:-1]))
    return done.stdout
