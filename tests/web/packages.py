"""npm packages that only tests need: fetched once, into a cache, and held to their hashes."""

import hashlib
import os
import runpy
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

_TOOL = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "vendor.py"))

# Package, version, and the SHA-256 of the packed file.
AXE = (
    "axe-core",
    "4.14.1",
    "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745",
)
TYPESCRIPT = (
    "typescript",
    "5.9.3",
    "10e108c9cf7d5f2879053dff18515fb405abf2ccef63eaaf017d9c571687a1d3",
)


def package(name: str, version: str, digest: str) -> Path:
    """The folder with the package's files; the test is skipped where npm cannot bring it."""
    cache = Path(os.environ.get("PADDOCK_CACHE") or Path.home() / ".cache" / "paddock")
    target = cache / "npm" / f"{name}-{version}"
    if not (target / "package").is_dir():
        _fetch(name, version, digest, target)
    return target / "package"


def _fetch(name: str, version: str, digest: str, target: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip(f"NO NPM IS HERE: what needs {name} is not tested (apt install npm)")
    coming = target.with_name(f"{target.name}.{os.getpid()}")
    coming.mkdir(parents=True)
    try:
        file = _TOOL["packed"](name, version, coming)
    except subprocess.CalledProcessError:
        shutil.rmtree(coming)
        pytest.skip(f"npm DOES NOT BRING {name} {version}: what needs it is not tested")
    assert hashlib.sha256(file.read_bytes()).hexdigest() == digest, f"{name} is another one"
    with tarfile.open(file) as opened:
        opened.extractall(coming, filter="data")
    file.unlink()
    if target.is_dir():
        shutil.rmtree(coming)  # another test was faster
    else:
        coming.rename(target)
