"""Yards for whole stories: the real daemon, real llama-servers, the clients that people use."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from paddock.config.settings import Paths
from paddock.llama.scripted import ScriptedModel, write
from tests.yard import Yard, places, yard

CONF = """
[alpha]
model = alpha.gguf
aliases = first
[beta]
model = beta.gguf
[endless]
model = endless.gguf
ctx-size = 32768
context-shift = true
[caller]
model = caller.gguf
[thinker]
model = thinker.gguf
[embedder]
model = alpha.gguf
embeddings = true
pooling = mean
[ranker]
model = alpha.gguf
reranking = true
[broken]
model = alpha.gguf
# No such device: llama-server ends at once, and nothing was known before.
device = broken.gguf
[plain]
model = alpha.gguf
chat-template = chatml
"""

Home = Callable[..., AbstractAsyncContextManager[Yard]]


@pytest.fixture(scope="session")
def herd(models: Path) -> Path:
    """The models of all tests, and `caller` (of a tool), and `thinker`."""
    tool = ("get_weather", '{"city": "Ghent"}')
    write(models / "caller.gguf", ScriptedModel(say="It rains.", name="caller", tool=tool))
    think = "Two and two."
    write(models / "thinker.gguf", ScriptedModel(say="Four.", name="thinker", think=think))
    return models


def paths_in(folder: Path, herd: Path, conf: str = "") -> Paths:
    """A daemon's own folder with the profiles of `CONF` and those of `conf`."""
    return msgspec.structs.replace(places(folder, CONF + conf), models_dir=herd)


@pytest.fixture
def home(tmp_path: Path, herd: Path) -> Home:
    """Opens a yard: `async with home("[more]…", max_instances=1) as yard`."""

    def opened(conf: str = "", **settings: object) -> AbstractAsyncContextManager[Yard]:
        return yard(paths_in(tmp_path / "yard", herd, conf), **settings)

    return opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory, herd: Path) -> AsyncIterator[Yard]:
    """One yard for a file of tests that only ask; what was loaded by one stays for the next."""
    async with yard(paths_in(tmp_path_factory.mktemp("shared") / "yard", herd)) as home:
        yield home
