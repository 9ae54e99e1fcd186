"""Engines that take longer for each computation where the planted flag is worse; all else about them is real."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.yard import engine_command, wrapper

_SOURCE = Path(__file__).with_name("slow.c")

needs_slowness = pytest.mark.skipif(
    len(engine_command()) > 1 or not shutil.which("cc"),
    reason="needs a native llama-server, and cc",
)


def slow_engine(root: Path, slow: str, ms: int, *, usual_ms: int = 0, first: str = "") -> Path:
    """An engine that is `ms` slower for arguments of the shell's pattern `slow`, and computes with one thread.

    Several threads on a busy machine wait for each other. `usual_ms`: by which it is slower otherwise. `first`: what its shell does before.
    """
    usual = f"export SLOW_MS={usual_ms} LD_PRELOAD={_library(root)}"
    body = f'{usual}; case " $* " in {slow}) SLOW_MS={ms} ;; esac' if slow else ""
    return wrapper(root / "engine", f'{body}\n{first}\nset -- "$@" --threads 1')


def _library(folder: Path) -> Path:
    built = folder / "slow.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", built, _SOURCE, "-ldl"], check=True)
    return built
