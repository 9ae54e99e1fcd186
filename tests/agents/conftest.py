"""The real clients, where `make test-clients` has installed them; a model that takes long to load."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from paddock.clients.setting import ClientSettings
from paddock.llama.scripted import ScriptedModel, write
from tests.yard import Process, places, process, wrapper

LOAD = 12  # seconds; the clients' patience is 5
SAYS = "The paddock is green."
# Small, since its prompts are tens of thousands of tokens long, and with a context that takes them.
MODEL = ScriptedModel(say=SAYS, layers=1, embd=128, heads=2, kv_heads=1, ff=64, ctx=262_144)
CONF = """[*]
threads = 2
parallel = 1
ctx-size = 262144
[scout]
model = scout.gguf
NAME = Scout
engine = {engine}
"""
SETTINGS = (
    "keep-alive-after = 1\nkeep-alive-after-plain = 1\nkeep-alive-every = 1\nprobe-after = 0\n"
)


def clients_folder() -> Path:
    """Where `make test-clients` puts them."""
    cache = os.environ.get("PADDOCK_CACHE") or str(Path.home() / ".cache" / "paddock")
    return Path(cache) / "clients"


def program(name: str) -> str:
    """The path of a client's program; the test is skipped, and says so, where it is not here."""
    folder = clients_folder()
    npm = folder / "npm" / "node_modules" / ".bin"
    places = (npm, folder / "python" / "bin", folder / "openclaw" / "bin")
    found = shutil.which(name, path=os.pathsep.join(map(str, places)))
    if found is None:
        pytest.skip(f"{name} is not here: `make test-clients` installs it where that can be had")
    return found


# What each client is asked, the last of its arguments.
ASKED = {
    "claude-code": ("-p", "hi"),
    "codex": ("exec", "--skip-git-repo-check", "hi"),
    "opencode": ("run", "hi"),
    "qwen-code": ("-p", "hi"),
    "continue": ("-p", "hi"),
    "aider": ("--no-git", "--yes-always", "--analytics-disable", "--message", "hi"),
}


def run_configured(
    words: list[str], setting: ClientSettings, folder: Path, said: str = ""
) -> "subprocess.CompletedProcess[str]":
    """A client with what `paddock run` gives it: its settings' arguments come first."""
    return run_client([words[0], *setting.args, *words[1:]], setting.env, folder, said=said)


def run_client(
    argv: list[str],
    variables: Mapping[str, str],
    folder: Path,
    *,
    limit: float = 400,
    said: str = "",
) -> "subprocess.CompletedProcess[str]":
    """In a home of its own, with nobody's keys; `limit` in seconds; `said` is its standard input."""
    home, work = folder / "home", folder / "work"
    home.mkdir(exist_ok=True)
    work.mkdir(exist_ok=True)
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "dumb", **variables}
    return subprocess.run(
        argv,
        env=env,
        cwd=work,
        input=said,
        capture_output=True,
        text=True,
        timeout=limit,
    )


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Process]:
    """A daemon whose one model needs longer to load than its clients will wait in silence."""
    with _daemon(
        tmp_path / "daemon", wrapper(tmp_path / "slow-llama-server", f"sleep {LOAD}")
    ) as slow:
        yield slow


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Process]:
    """One whose model is there at once."""
    with _daemon(tmp_path / "daemon", wrapper(tmp_path / "llama-server", "")) as quick:
        yield quick


@contextmanager
def _daemon(folder: Path, engine: Path) -> Iterator[Process]:
    paths = places(folder, "")
    paths.config.write_text(CONF.format(engine=engine))
    paths.settings.write_text(SETTINGS)
    paths.models_dir.mkdir()
    write(paths.models_dir / "scout.gguf", MODEL)
    with process(paths) as running:
        yield running
