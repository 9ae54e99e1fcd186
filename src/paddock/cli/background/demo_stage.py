"""What `paddock demo` plays on: three small models, a models.conf, and a daemon of its own."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from paddock.errors import PaddockError

if TYPE_CHECKING:
    from paddock.api.client import Client
    from paddock.llama.scripted import ScriptedModel

_CONF = """\
# Three vocabularies, as in real life: wrapper keys, llama.cpp's own flags, Paddock's keys.
[*]
ctx-size = 4096
parallel = 1

[tiny]
NAME = The smallest of the three
MODEL = tiny.gguf
aliases = small

[thinker]
NAME = One that thinks before it answers
MODEL = thinker.gguf
CTX_SIZE = 8192
temp = 0.6

[big]
NAME = Half a gigabyte of experts, real bytes
MODEL = big.gguf
EXTRA_ARGS = --load-mode none
"""
_SETTINGS = (
    "max-instances = 1  # so that every change of model is a switch, however much memory there is\n"
)


@dataclass(frozen=True, slots=True)
class DemoModel:
    """One that was written."""

    name: str
    path: Path

    @property
    def size_mib(self) -> float:
        return self.path.stat().st_size / (1 << 20)


@dataclass(frozen=True, slots=True)
class Stage:
    """What the demo plays on: a folder, and a daemon that answers."""

    folder: Path
    client: Client
    models: tuple[str, ...]
    sizes_mib: dict[str, float]
    pid: int


def scripts() -> dict[str, ScriptedModel]:
    """The three models, by profile. Their weights are zeros; loading and computing are real."""
    from paddock.llama.scripted import ScriptedModel

    return {
        "tiny": ScriptedModel(
            name="tiny", say="I am the tiny one: barely worth a switch, yet here I am."
        ),
        "thinker": ScriptedModel(
            name="thinker",
            think="They want to know who answers. Only I can say this sentence.",
            say="I thought about it, and it is me: the thinker.",
            target_mib=64,
        ),
        "big": ScriptedModel(
            name="big",
            arch="qwen3moe",  # large to load, light to run
            say="I am the big one, and you could watch my experts come from the disk.",
            layers=16,
            target_mib=500,
            dense=True,  # real bytes: the bar shows real reading
        ),
    }


@contextmanager
def running(
    place: Path, models: Sequence[DemoModel], *, keep: bool, engine: str | None
) -> Iterator[Stage]:
    """A daemon of these models; it ends with the block, unless it is to be kept."""
    from paddock.api.client import Client

    sizes = {model.name: model.size_mib for model in models}
    address = f"127.0.0.1:{_free_port()}"
    client = Client(f"http://{address}")
    with _daemon(place, address, client, keep=keep, engine=engine) as pid:
        yield Stage(place, client, tuple(sizes), sizes, pid)


def state_dir(folder: Path) -> Path:
    return folder / "state"


@contextmanager
def empty_folder(folder: Path | None, *, keep: bool) -> Iterator[Path]:
    """An empty folder; removed at the end, or, when something failed, in any case."""
    place = folder.absolute() if folder else Path(tempfile.mkdtemp(prefix="paddock-demo-"))
    place.mkdir(parents=True, exist_ok=True)
    if any(place.iterdir()):
        raise PaddockError(f"{place} is not empty", hint="give --dir a new folder")
    try:
        yield place
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    if not keep:
        shutil.rmtree(place)


def must_have_engine(folder: Path, engine: str | None) -> None:
    """Raise EngineError where the daemon would find no engine, or a broken one."""
    from paddock.engine.locate import find_engine

    find_engine(engine, cache_dir=state_dir(folder))


def write_models(folder: Path) -> list[DemoModel]:
    """The models and the configuration, in a folder that is empty."""
    from paddock.llama.scripted import write

    (folder / "models").mkdir()
    (folder / "models.conf").write_text(_CONF)
    (folder / "paddock.toml").write_text(_SETTINGS)
    return [
        DemoModel(name, write(folder / "models" / f"{name}.gguf", script))
        for name, script in scripts().items()
    ]


@contextmanager
def _daemon(
    folder: Path, address: str, client: Client, *, keep: bool, engine: str | None
) -> Iterator[int]:
    """A daemon of its own: its state lies in the folder, its port is free, its end is certain."""
    from paddock.cli.background.process import end, serve_command, shut_down, spawn, wait_healthy

    options = ["--config", str(folder / "models.conf"), "--listen", address]
    options += ["--settings", str(folder / "paddock.toml")]
    options += ["--state-dir", str(state_dir(folder)), *(["--engine", engine] if engine else [])]
    process = spawn(serve_command(*options), state_dir(folder))
    try:
        wait_healthy(process, client, state_dir(folder))
        yield process.pid
    except BaseException:
        end(process)
        raise
    if not keep:
        shut_down(client, keep=False)
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
