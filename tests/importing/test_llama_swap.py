"""llama-swap's files of any kind: nothing said in one is lost without a word, and no value breaks the import."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paddock.errors import ConfigError
from paddock.importing.llama_swap import read_llama_swap
from paddock.importing.page import Page
from paddock.importing.swap_words import MODEL_KEYS, TOP_KEYS, strange
from tests.importing.cases import CORPUS
from tests.importing.known import KnownFlags


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("swap") / "config.yaml"


def page_of(file: Path, text: str) -> Page:
    file.write_text(text)
    return read_llama_swap(file, KnownFlags(), {"HOME": "/home/me"})[0]


# ---- comments ----

LINES = """\
healthCheckTimeout: 30
globalTTL: 60
macros:
  "run": |
    llama-server --port ${PORT}
    -ngl 9
  small: -c 512
models:
  one:
    cmd: |
      ${run}
      -m one.gguf
      --jinja
    env:
      - A=1
    aliases: [uno]
    filters:
      stripParams: temperature
  "two":
    name: Two
    cmd: ${run} ${small} -m two.gguf
    metadata:
      a: 1
  three:
    cmd: vllm serve x
groups:
  g:
    members: [one]
""".splitlines()


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.dictionaries(st.integers(0, len(LINES)), st.integers(1, 3), max_size=8), st.data())
def test_each_comment_is_in_the_file_or_reported(
    file: Path, places: dict[int, int], data: st.DataObject
) -> None:
    text, said = [], []
    for number, line in enumerate([*LINES, ""]):
        indent = " " * data.draw(st.sampled_from([0, 2, 4, 6])) if number in places else ""
        inside = _indent_inside_a_block(number)
        for count in range(places.get(number, 0)):
            said.append(f"said{number}x{count}x")
            text.append(f"{inside if inside is not None else indent}# {said[-1]}")
        text.append(line)
    page = page_of(file, "\n".join(text))
    notes = [note for note in page.notes if "a comment about" in note.why]
    first_lines = " ".join(note.what for note in notes)
    for comment in said:
        block = comment.rpartition("x0")[0] or comment.split("x")[0]
        assert (
            comment in page.text or f"{block}x0x" in first_lines or _is_within(notes, text, comment)
        )


def _indent_inside_a_block(number: int) -> str | None:
    """Inside of a block of text a comment less indented would end it."""
    return {4: "    ", 5: "    ", 10: " " * 6, 11: " " * 6, 12: " " * 6}.get(number)


def _is_within(notes: list[Any], text: list[str], comment: str) -> bool:
    """A note about several lines names them from the first to the last."""
    line = next(n for n, one in enumerate(text, start=1) if comment in one)
    for note in notes:
        first, _, last = note.where.partition(":")[2].split()[0].partition("-")
        if int(first) <= line <= int(last or first):
            return True
    return False


# ---- odd values ----

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
MODEL = st.dictionaries(st.sampled_from([*MODEL_KEYS, "odd"]), VALUES, max_size=5)
FILE = st.dictionaries(st.sampled_from([*TOP_KEYS, "odd"]), VALUES, max_size=4)


@settings(
    max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(FILE, st.dictionaries(st.text(max_size=8), MODEL | VALUES, min_size=1, max_size=3))
def test_no_value_of_another_type_breaks_the_import(
    file: Path, top: dict[str, Any], models: dict[str, Any]
) -> None:
    text = yaml.safe_dump({**top, "models": models}, allow_unicode=True)
    try:
        page = page_of(file, text)
    except ConfigError:
        return
    assert page.lines


# ---- keys at any depth ----


def test_every_key_of_llama_swaps_own_schema_is_known_and_others_are_reported_by_their_path() -> (
    None
):
    value = {
        "models": {
            "m": {
                "filters": {"stripParams": "x", "odd": 1},
                "timeouts": {"connect": 1, "conect": 2},
            }
        },
        "routing": {"scheduler": {"settings": {"fifo": {"priority": {"any": 1}, "odd": 2}}}},
        "selectors": {"s": {"settings": {"spillover": 1}, "odd": {}}},
        "x-anything": {"goes": 1},
        "odd": 1,
    }
    assert set(strange(value)) == {
        ("models", "m", "filters", "odd"),
        ("models", "m", "timeouts", "conect"),
        ("routing", "scheduler", "settings", "fifo", "odd"),
        ("selectors", "s", "odd"),
        ("odd",),
    }


def test_no_secret_of_a_file_is_copied_or_shown() -> None:
    for case in ("swap-forks", "swap-strange", "compose-variables"):
        for written in (CORPUS / case / "expected").iterdir():
            text = written.read_text()
            assert "not_for_copying" not in text
            assert "not-for-copying" not in text
            assert "sk-neither" not in text
