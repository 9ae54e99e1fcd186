"""What people name as a file may be a pipe, a socket or a device: nobody waits for it or reads it for ever."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from paddock.config.models_conf import read
from paddock.config.settings import load_settings
from paddock.errors import PaddockError
from paddock.importing.compose_file import dotenv
from paddock.importing.modelfile import read_modelfile
from paddock.importing.yaml_file import read_yaml
from paddock.llama.gguf_file import open_gguf
from paddock.plain_file import oddity, read_plain
from tests.config.stables import FLAGS

KINDS = {"pipe": "a pipe", "socket": "a socket", "zero": "a device", "link": "a pipe"}


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    """Whoever waits for ever fails."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(params=KINDS)
def odd(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    kind: str = request.param
    if kind == "zero":
        return Path("/dev/zero")
    path = tmp_path / "pipe"
    os.mkfifo(path)
    if kind == "link":
        (tmp_path / "link").symlink_to("pipe")
    if kind == "socket":
        monkeypatch.chdir(tmp_path)  # its whole path may be too long
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("socket")
    return tmp_path / kind


def test_it_is_no_file(odd: Path, request: pytest.FixtureRequest):
    kind = KINDS[request.node.callspec.params["odd"]]
    assert oddity(odd) == kind
    with pytest.raises(OSError, match=f"{kind} instead of a file"):
        read_plain(odd)


READERS: dict[str, Callable[[Path], object]] = {
    "paddock.toml": lambda path: load_settings(path, {}),
    "Modelfile": lambda path: read_modelfile(path, {}),
    "YAML": read_yaml,
    "GGUF": open_gguf,
}


@pytest.mark.parametrize("reader", READERS)
def test_whoever_reads_it_says_so(odd: Path, reader: str):
    with pytest.raises(PaddockError, match="instead of a file"):
        READERS[reader](odd)


def test_as_models_conf_it_is_a_problem(odd: Path):
    found, (problem,) = read(odd, flags_for=lambda _: FLAGS)
    assert found is None
    assert "instead of a file" in problem.message


def test_as_variables_of_a_compose_file_it_says_nothing(tmp_path: Path):
    os.mkfifo(tmp_path / ".env")
    assert dotenv(tmp_path) == {}


def test_files_links_and_dev_null_are_read(tmp_path: Path):
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to("file")
    assert read_plain(tmp_path / "file") == read_plain(tmp_path / "link") == b"text"
    assert read_plain(Path("/dev/null")) == b""
    assert {oddity(tmp_path / name) for name in ("file", "link", "none", ".")} == {""}
    assert oddity(Path("/dev/null")) == oddity(tmp_path / ("x" * 300)) == ""


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("what", ["a folder", "nothing", "a name that is too long", "no text"])
def test_why_it_cannot_be_read_is_words_and_the_path_alone(
    tmp_path: Path, reader: str, what: str
) -> None:
    path = tmp_path / ("x" * 300 if what == "a name that is too long" else "named")
    if what == "a folder":
        path.mkdir()
    elif what == "no text":
        path.write_bytes(b"\xff\xfe\xfa = \x00")
    try:
        READERS[reader](path)
    except PaddockError as error:
        said = " ".join([error.message, *error.detail])
        assert "Errno" not in said
        assert said.count(str(path)) <= 1
    else:
        assert (reader, what) == ("paddock.toml", "nothing")
