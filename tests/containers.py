"""A container engine for tests: Podman on a socket of its own, with an image of the tests' llama-server.

Podman and runc are Debian's. Where they are missing, or containers cannot be had here, tests say so.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.yard import engine_command

IMAGE = "localhost/paddock-test-llama:1"
# Sandboxes let nobody raise limits, and mix cgroups of both versions, which crun cannot stand.
_CONF = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
events_logger = "file"
"""


@dataclass(frozen=True, slots=True)
class Podman:
    """A running container engine."""

    url: str
    environ: dict[str, str]

    def __call__(self, *words: str) -> str:
        argv = ["podman", *words]
        return subprocess.run(argv, env=self.environ, capture_output=True, text=True).stdout

    def running(self) -> list[str]:
        """The names of the containers that there are, ended ones included."""
        return self("ps", "--all", "--format", "{{.Names}}").split()

    def pid(self, name: str) -> int:
        return int(self("inspect", "--format", "{{.State.Pid}}", name))


def why_not() -> str:
    """What is missing here; "" where containers can be had."""
    missing = [name for name in ("podman", "runc", "ldd") if not shutil.which(name)]
    if missing:
        return f"needs {' and '.join(missing)} (apt-get install podman runc)"
    if len(engine_command()) != 1:
        return "needs a native llama-server to put into an image (make native)"
    return ""


@contextmanager
def podman(folder: Path) -> Iterator[Podman]:
    """Serve Docker's API, with the image, for the length of the block."""
    conf = folder / "containers.conf"
    conf.write_text(_CONF)
    url = f"unix://{folder}/podman.sock"
    environ = {**os.environ, "CONTAINERS_CONF": str(conf), "DOCKER_HOST": url}
    found = Podman(url, environ)
    argv = ["podman", "system", "service", "--time", "0", url]
    with (folder / "podman.log").open("wb") as log:
        # There, as conmon leaves a file behind where it sees a container run out of memory.
        service = subprocess.Popen(argv, env=environ, cwd=folder, stdout=log, stderr=log)
    try:
        _wait_for(folder / "podman.sock", service)
        _import(found, folder / "root")
        _prove(found)
        yield found
    finally:
        for name in found.running():
            if name.startswith("paddock-"):
                found("rm", "--force", "--time", "0", name)
        service.terminate()
        service.wait(30)


def _prove(found: Podman) -> None:
    """Skip where no container can be had although everything is installed, as in some sandboxes."""
    argv = ["podman", "run", "--rm", "--memory", "64m", IMAGE, "llama-server", "--version"]
    tried = subprocess.run(argv, env=found.environ, capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"no container can be had here: {tried.stderr.strip()[-200:]}")


def _wait_for(path: Path, service: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + 30
    while not path.exists():
        if service.poll() is not None or time.monotonic() > end:
            pytest.skip("Podman does not serve its API here")
        time.sleep(0.05)


def _import(found: Podman, root: Path) -> None:
    """The tests' own llama-server and what it is linked to, as an image of nothing else."""
    program = Path(engine_command()[0])
    home = root / "usr" / "local" / "bin"
    home.mkdir(parents=True)
    (root / "tmp").mkdir()
    shutil.copy(program, home)
    for library in {*program.parent.glob("*.so*"), *_libraries(program)}:
        inside = (
            home if library.parent == program.parent else root / library.parent.relative_to("/")
        )
        inside.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, inside)
    with subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE) as tar:
        imported = subprocess.run(
            ["podman", "import", "--quiet", "-", IMAGE],
            env=found.environ, stdin=tar.stdout, check=False, capture_output=True, text=True,
        )  # fmt: skip
    if imported.returncode != 0:
        pytest.skip(f"no image can be made here: {imported.stderr.strip()[-200:]}")
    shutil.rmtree(root)


def _libraries(program: Path) -> Iterator[Path]:
    output = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    for word in output.split():
        if word.startswith("/"):
            yield Path(word)


def labels(found: Podman, name: str) -> dict[str, str]:
    output: dict[str, str] = json.loads(
        found("inspect", "--format", "{{json .Config.Labels}}", name)
    )
    return output
