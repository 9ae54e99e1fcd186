"""What we read out of a help text, against the llama-server that printed it."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from paddock.config.vocabulary import RESERVED
from paddock.engine.locate import find_engine
from paddock.errors import EngineError
from paddock.llama.flag_paths import is_written, takes_path
from paddock.llama.flags import FlagSet, FlagSpec
from paddock.llama.scripted import ScriptedModel, write

# Missing files of which the engine at most logs an error: it serves without them.
PASSED_OVER = {
    *("--control-vector", "--control-vector-scaled", "--lookup-cache-static"),
    "--video-ffmpeg-dir",
}


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """A native one: the embedded engine prints its version before it looks at its flags."""
    try:
        return find_engine("native", cache_dir=tmp_path_factory.mktemp("cache")).command
    except EngineError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def flags(tmp_path_factory: pytest.TempPathFactory, command: tuple[str, ...]) -> FlagSet:
    return find_engine("native", cache_dir=tmp_path_factory.mktemp("cache")).flags


def takes(command: Sequence[str], *words: str) -> bool:
    """Whether it reads these words without a complaint; it ends before it does anything."""
    done = subprocess.run([*command, *words, "--version"], capture_output=True, timeout=60)
    return done.returncode == 0


def test_every_value_that_the_help_lists_is_taken_and_no_other(
    command: tuple[str, ...], flags: FlagSet
) -> None:
    listed = [spec for spec in flags.specs if spec.choices]
    assert {"--spec-type", "--load-mode", "--numa", "--reasoning-format"} <= {
        s.name for s in listed
    }
    for spec in listed:
        words = [word for choice in spec.choices for word in (spec.name, choice)]
        assert takes(command, *words), spec.name
        assert not takes(command, spec.name, "zebra"), spec.name
        if spec.several:
            assert takes(command, spec.name, ",".join(spec.choices))


def test_the_embedded_engine_says_of_each_flag_why_it_lacks_it(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    flags = find_engine("embedded", cache_dir=tmp_path).flags
    for key in ("model-url", "rpc", "models-preset"):
        assert flags.find(key) is None
        assert flags.lack(key), key
    for key in ("ctx-size", "hf-repo", "hf", "--hf-repo"):  # Paddock fetches these
        assert flags.lack(key) is None


def test_a_flag_that_was_a_switch_is_none_any_more(command: tuple[str, ...]) -> None:
    """Else we should not put `on` behind it."""
    assert not takes(command, "--flash-attn", "--jinja")
    assert takes(command, "--flash-attn", "on", "--jinja")


def test_every_missing_file_that_the_check_refuses_is_one_that_the_engine_misses(
    command: tuple[str, ...], flags: FlagSet, tmp_path: Path
) -> None:
    model = write(tmp_path / "m.gguf", ScriptedModel(say="Hi."))
    needed = [s for s in flags.specs if takes_path(s) and not RESERVED.fullmatch(s.name)]
    for number, spec in enumerate(s for s in needed if not is_written(s)):
        missing = str(tmp_path / "none" / f"{number}.bin")
        given = missing + ":1" if "SCALE" in spec.hint else missing
        socket = str(tmp_path / f"{number}.sock")
        own = ["-m", str(model)] if spec.name != "--model" else []
        ended, said = life([*command, *own, spec.name, given, "--host", socket], spec)
        assert ended is (spec.name not in PASSED_OVER), (spec.name, said)


def life(command: Sequence[str], spec: FlagSpec) -> tuple[bool, str]:
    """Whether it ended by itself before it had its model, and what it said."""
    small = ["-c", "256", "-np", "1", "-t", "1", "--no-warmup"]
    with subprocess.Popen(
        [*command, *small], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    ) as server:
        said = []
        assert server.stderr is not None, spec
        for line in server.stderr:
            said.append(line)
            if "model loaded" in line:
                server.kill()
                return False, "".join(said)
    return True, "".join(said)
