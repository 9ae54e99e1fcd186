"""Which llama-server is taken, and that it is asked only once. The asked ones are real or scripts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from paddock.engine.locate import find_engine
from paddock.engine.probe import Candidate, probe
from paddock.errors import EngineError
from tests.engine.server import engine_command

NOWHERE = {"PATH": "/nonexistent"}


class Wrapper:
    """A script that runs the real embedded engine, and notes each call."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._log = path.with_suffix(".calls")
        command = " ".join(engine_command("embedded"))
        script(path, f'echo "$@" >> {self._log}\nexec {command} "$@"')

    @property
    def calls(self) -> list[str]:
        return self._log.read_text().split() if self._log.exists() else []


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def wrapper(tmp_path: Path) -> Wrapper:
    (tmp_path / "bin").mkdir()
    return Wrapper(tmp_path / "bin" / "llama-server")


# ---- what is found ----


def test_a_path_is_taken_as_it_is(tmp_path: Path, wrapper: Wrapper):
    engine = find_engine(str(wrapper.path), cache_dir=tmp_path, environ=NOWHERE)
    assert (engine.name, engine.kind) == (str(wrapper.path), "native")
    assert engine.command == (str(wrapper.path),)
    assert engine.version.startswith("xllamacpp 20")
    assert engine.build is not None
    assert engine.flags.find("ctx-size")


@pytest.mark.parametrize("wanted", [None, "native"])
def test_llama_server_on_the_path_comes_first(tmp_path: Path, wrapper: Wrapper, wanted: str | None):
    environ = {"PATH": f"{wrapper.path.parent}:{os.environ['PATH']}"}
    engine = find_engine(wanted, cache_dir=tmp_path, environ=environ)
    assert (engine.name, engine.command) == ("native", (str(wrapper.path),))


def test_the_environment_variable_comes_before_it(tmp_path: Path, wrapper: Wrapper):
    other = Wrapper(tmp_path / "other")
    environ = {"PATH": str(wrapper.path.parent), "PADDOCK_LLAMA_SERVER": str(other.path)}
    assert find_engine(None, cache_dir=tmp_path, environ=environ).command == (str(other.path),)


def test_the_wheel_is_the_last_resort_and_never_imported(tmp_path: Path):
    engine_command("embedded")
    engine = find_engine("embedded", cache_dir=tmp_path, environ=NOWHERE)
    assert (engine.name, engine.kind) == ("embedded", "embedded")
    assert engine.command[0] == sys.executable
    program = (
        "import sys; from pathlib import Path; from paddock.engine.locate import find_engine;"
        f"find_engine('embedded', cache_dir=Path({str(tmp_path)!r}), environ={NOWHERE!r});"
        "print('xllamacpp' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.stdout.strip() == "False", ran.stderr


@pytest.mark.native
def test_a_native_one_reports_its_version_on_stderr(tmp_path: Path):
    (binary,) = engine_command("native")
    engine = find_engine(binary, cache_dir=tmp_path)
    assert engine.version != "unknown"
    assert engine.flags.find("rpc") or engine.flags.find("models-dir")


# ---- asked once ----


def test_it_is_asked_once_for_both_questions(tmp_path: Path, wrapper: Wrapper):
    for _ in range(3):
        find_engine(str(wrapper.path), cache_dir=tmp_path / "cache", environ=NOWHERE)
    assert wrapper.calls == ["--version", "--help"]


def candidate(wrapper: Wrapper) -> Candidate:
    return Candidate("w", "native", (str(wrapper.path),), (wrapper.path,))


def test_the_next_start_reads_the_answers_from_disk(tmp_path: Path, wrapper: Wrapper):
    cache_dir = tmp_path / "cache"
    first, second = (
        probe(candidate(wrapper), cache_dir=cache_dir, environ=NOWHERE) for _ in range(2)
    )
    assert first == second
    assert wrapper.calls == ["--version", "--help"]
    (file,) = cache_dir.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_replaced_binary_is_asked_again(tmp_path: Path, wrapper: Wrapper):
    first = find_engine(str(wrapper.path), cache_dir=tmp_path / "cache", environ=NOWHERE)
    os.utime(wrapper.path, ns=(0, 0))
    second = find_engine(str(wrapper.path), cache_dir=tmp_path / "cache", environ=NOWHERE)
    assert first.identity != second.identity
    assert wrapper.calls == ["--version", "--help"] * 2


@pytest.mark.parametrize("library", ["libllama.so", "libggml-vulkan.so"])
def test_another_library_beside_it_makes_it_another_engine(
    tmp_path: Path, wrapper: Wrapper, library: str
):
    """A backend that is added or replaced leaves the program as it was, and its version too."""
    first = find_engine(str(wrapper.path), cache_dir=tmp_path / "cache", environ=NOWHERE)
    (wrapper.path.parent / library).write_bytes(b"\x7fELF")
    second = find_engine(str(wrapper.path), cache_dir=tmp_path / "cache", environ=NOWHERE)
    assert first.version == second.version
    assert first.build_mark != second.build_mark


@pytest.mark.parametrize("damage", [b"", b"{", b'{"identity": 1}', b"\xff"])
def test_a_broken_cache_is_as_good_as_none(tmp_path: Path, wrapper: Wrapper, damage: bytes):
    probe(candidate(wrapper), cache_dir=tmp_path / "cache", environ=NOWHERE)
    (file,) = (tmp_path / "cache").iterdir()
    file.write_bytes(damage)
    probe(candidate(wrapper), cache_dir=tmp_path / "cache", environ=NOWHERE)
    assert wrapper.calls == ["--version", "--help"] * 2


def test_without_a_place_for_the_cache_it_works_all_the_same(tmp_path: Path, wrapper: Wrapper):
    engine = probe(candidate(wrapper), cache_dir=Path("/dev/null/cache"), environ=NOWHERE)
    assert engine.flags.find("model")


# ---- what is wrong with it ----


def complaint(wanted: str, tmp_path: Path, **environ: str) -> EngineError:
    with pytest.raises(EngineError) as failure:
        find_engine(wanted, cache_dir=tmp_path / "cache", environ={**NOWHERE, **environ})
    assert failure.value.hint
    return failure.value


def test_an_unknown_name_is_explained(tmp_path: Path):
    assert "unknown engine 'cuda'" in complaint("cuda", tmp_path).message


def test_a_path_to_nothing_says_how_to_get_one(tmp_path: Path):
    error = complaint("./nowhere/llama-server", tmp_path)
    assert "there is no program" in error.message
    assert "pip install" in error.hint


def test_a_file_that_is_not_executable(tmp_path: Path):
    (tmp_path / "f").write_text("#!/bin/sh\n")
    error = complaint(str(tmp_path / "f"), tmp_path)
    assert "is not executable" in error.message
    assert error.hint == f"chmod +x {tmp_path / 'f'}"


def test_a_named_one_that_is_broken_is_not_passed_over(tmp_path: Path):
    gone = str(tmp_path / "gone")
    assert gone in complaint("native", tmp_path, PADDOCK_LLAMA_SERVER=gone).message


def test_a_program_of_another_machine(tmp_path: Path):
    (tmp_path / "f").write_bytes(b"\x7fELF\0\0\0\0 for something else")
    (tmp_path / "f").chmod(0o755)
    assert "cannot be run: Exec format error" in complaint(str(tmp_path / "f"), tmp_path).message


def test_another_program(tmp_path: Path):
    other = script(tmp_path / "f", "echo Usage: f")
    assert "is no llama-server" in complaint(str(other), tmp_path).message


def test_one_that_fails_is_quoted(tmp_path: Path):
    broken = script(tmp_path / "f", "echo one >&2; echo no driver >&2; exit 3")
    error = complaint(str(broken), tmp_path)
    assert error.message.endswith("--version failed: no driver")
    assert error.detail == ("one", "no driver")


@pytest.mark.native
def test_a_missing_library_is_named(tmp_path: Path):
    (binary,) = engine_command("native")
    alone = tmp_path / "llama-server"
    alone.write_bytes(Path(binary).read_bytes())
    alone.chmod(0o755)
    error = complaint(str(alone), tmp_path)
    assert "error while loading shared libraries: lib" in error.message
    assert "LD_LIBRARY_PATH" in error.hint


def test_one_that_hangs_is_given_up(tmp_path: Path):
    hanging = script(tmp_path / "f", "exec sleep 60")
    one = Candidate("h", "native", (str(hanging),), (hanging,))
    with pytest.raises(EngineError, match="did not answer within"):
        probe(one, cache_dir=tmp_path / "cache", environ=os.environ, timeout=0.2)
    assert not (tmp_path / "cache").exists()
