"""Models of every kind, the engine that plans and loads them, and devices to do so on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from paddock.engine.engine import Engine
from paddock.engine.locate import find_engine
from paddock.llama.scripted import ScriptedModel, write, write_split
from tests.placement.planned import Ground
from tests.rig import rig
from tests.yard import engine_command


def _shape(name: str, **rest: object) -> ScriptedModel:
    shape = {"layers": 12, "embd": 512, "ctx": 16384, "target_mib": 192, **rest}
    return ScriptedModel(say="Hi.", name=name, **shape)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of each kind of 192 MiB, a `mamba` of 96, and a small `draft`."""
    folder = tmp_path_factory.mktemp("shapes")
    for name, arch in {
        "dense": "llama",
        "moe": "qwen3moe",
        "jamba": "jamba",
        "gemma3": "gemma3",
    }.items():
        write(folder / f"{name}.gguf", _shape(name, arch=arch))
    write(folder / "mamba.gguf", _shape("mamba", arch="mamba", target_mib=96))
    write(folder / "draft.gguf", _shape("draft", layers=2, target_mib=None))
    write_split(folder / "split", _shape("split"), shards=3)
    return folder


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    command = engine_command()
    name = command[0] if len(command) == 1 else "embedded"
    return find_engine(name, cache_dir=tmp_path_factory.mktemp("engines"))


@pytest.fixture
def ground(
    request: pytest.FixtureRequest, tmp_path: Path, shapes: Path, engine: Engine
) -> Iterator[Ground]:
    """Devices of so many MiB: `@on(600, 500)`."""
    mib: tuple[int, ...] = request.param
    with rig(tmp_path, *mib) as devices:
        yield Ground(devices, mib, shapes, engine, tmp_path)
