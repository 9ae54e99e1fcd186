"""Models that all tests share: written once, answering what their names promise."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from paddock.llama.scripted import ScriptedModel, write, write_split
from tests.processes import NoProcesses

# No test reaches a real hub: nobody listens there. Tests of downloads name a hub of their own.
os.environ["HF_ENDPOINT"] = "http://127.0.0.1:1"

# No test is judged by the time that it takes, and neither are the examples that it makes.
settings.register_profile("paddock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("paddock")

# A shell starts what it puts in the background (`make test &`) deaf to Ctrl-C, and children inherit
# that; those that the tests interrupt must hear it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-processes", action="store_true", help="only tests that start none")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--no-processes"):
        config.pluginmanager.register(NoProcesses())


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `alpha`, `beta`, `gamma` (tiny), `endless` (talks on), `split` (three shards)."""
    folder = tmp_path_factory.mktemp("models")
    for name in ("alpha", "beta", "gamma"):
        write(folder / f"{name}.gguf", ScriptedModel(say=f"I am {name}.", name=name))
    write(folder / "endless.gguf", ScriptedModel(say="On and on.", name="endless", endless=True))
    write_split(folder / "split", ScriptedModel(say="I am split.", name="split"), shards=3)
    (folder / "broken.gguf").write_bytes((folder / "alpha.gguf").read_bytes()[:50_000])
    return folder
