"""A wrapper's models.conf: its comments stay where they are, whatever is put beside them."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paddock.importing.programs import Programs
from paddock.importing.wrapper import read_wrapper
from tests.importing.known import KnownFlags

COMPOSE = """\
services:
  llama:
    image: mine
    environment:
      - MODEL=/models/${MODEL:-x.gguf}
      # what fits
      - CTX_SIZE=${CTX_SIZE:-4096}
"""


def text_of(folder: Path, conf: str) -> str:
    (folder / "models.conf").write_text(conf)
    (folder / "docker-compose.yml").write_text(COMPOSE)
    return read_wrapper(folder, str, Programs(KnownFlags(), "box")).text


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.sampled_from(["", "# one", "; two", "#three"]), max_size=8))
def test_the_shared_section_never_comes_between_a_comment_and_its_profile(
    tmp_path: Path, above: list[str]
) -> None:
    lines = [*above, "[first]", "MODEL=x.gguf", "# of the second", "[second]", "MODEL=y.gguf"]
    text = text_of(tmp_path, "\n".join(lines))
    at = next((i for i in range(len(above), 0, -1) if above[i - 1]), 0)
    block = at
    while block and above[block - 1]:
        block -= 1
    kept = "\n".join([*above[block:], "[first]"])
    assert f"\n{kept}\n" in f"\n{text}"
    assert "# of the second\n[second]\n" in text
    assert "[*]\n# what fits\nCTX_SIZE = 4096\n" in text


@pytest.mark.parametrize(
    ("tail", "kept"),
    [
        ("--host 0.0.0.0 --port 8080", ""),
        ("--host 0.0.0.0 -np 1 --port 8080 --jinja", "-np 1 --jinja"),
        ("-np 1", "-np 1"),
    ],
)
def test_where_a_server_listened_leaves_its_command_line_without_a_word(
    tail: str, kept: str
) -> None:
    from paddock.importing.tails import trimmed
    from tests.config.stables import FLAGS

    assert trimmed(tail, FLAGS) == (kept, [])


@pytest.mark.parametrize(
    ("tail", "words"),
    [
        (r"-ot blk\.1\.=CPU", r"-ot 'blk\.1\.=CPU'"),
        (
            r"""-ot blk\.([0-9]+)\.ffn=CUDA0 --grammar 'a b'""",
            r"""-ot 'blk\.([0-9]+)\.ffn=CUDA0' --grammar 'a b'""",
        ),
        (r"-ot 'blk\.1=CPU' -np 1", r"-ot 'blk\.1=CPU' -np 1"),
        (r"-r a\ b -r 'c'", r"-r a\ b -r 'c'"),
    ],
)
def test_backslashes_of_patterns_stay_beside_quotes_too(
    tmp_path: Path, tail: str, words: str
) -> None:
    assert f"EXTRA_ARGS = {words}" in text_of(tmp_path, f"[a]\nMODEL=x.gguf\nEXTRA_ARGS={tail}\n")
