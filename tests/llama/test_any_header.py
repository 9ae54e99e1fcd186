"""A file that claims to be a model is read, or refused with a word: whatever its header says."""

import random
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from paddock.llama.gguf import Facts, GgufError
from paddock.llama.gguf_read import read_facts
from paddock.llama.scripted import ScriptedModel, write
from tests.llama.headers import facts_of

HEAD = 3000  # bytes: keys, and where their lists begin


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("whole")
    return write(folder / "m.gguf", ScriptedModel(say="Hi.")).read_bytes()


@pytest.mark.parametrize("seed", range(20))
def test_a_header_with_wrong_bytes_is_read_or_refused(whole: bytes, tmp_path: Path, seed: int):
    chance, file = random.Random(seed), tmp_path / "m.gguf"
    for _ in range(10):
        content = bytearray(whole)
        for _ in range(chance.choice((1, 2, 5))):
            content[chance.randrange(HEAD)] = chance.choice((0, 1, 127, 255))
        file.write_bytes(content if chance.random() < 0.8 else content[: chance.randrange(HEAD)])
        with suppress(GgufError):
            assert isinstance(read_facts(file), Facts)


def test_names_in_it_hold_nothing_that_a_terminal_obeys(tmp_path: Path):
    name = "Good\x1b]0;title\x07\x1b[2J\u009b31mmodel\n"
    facts = facts_of(tmp_path, "llama", general__name=name, general__size_label="7B\x1b[8m")
    assert facts.name.isprintable()
    assert facts.name.startswith("Good ")
    assert facts.size_label.isprintable()


def test_the_process_that_reads_it_is_bounded():
    code = (
        "import resource; from paddock.llama.gguf_child import _MEMORY, bound;"
        "bound(resource.RLIMIT_DATA, _MEMORY); print(resource.getrlimit(resource.RLIMIT_DATA)[0])"
    )
    printed = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert printed == f"{4 << 30}\n"
