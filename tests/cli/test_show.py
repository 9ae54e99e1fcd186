"""`paddock show`: what the file says, what its owner typed, and what becomes of both."""

import json
from pathlib import Path

import pytest

from paddock.llama.scripted import ScriptedModel, write, write_split
from tests.cli.conftest import Paddock
from tests.llama.headers import header

CONF = """\
[*]
threads = 2

# tuned by hand, a dense 30B
[coder]
NAME = The coder
DESCRIPTION = Writes code,
    and more code.
SPEED = ~50 t/s
MODEL = moe.gguf
CTX_SIZE = 4096
; the rest is default

[hybrid]
MODEL = hybrid.gguf

[window]
MODEL = window.gguf

[split]
MODEL = split-00001-of-00003.gguf

[picture]
MODEL = mmproj.gguf

[broken]
MODEL = broken.gguf

[gone]
MODEL = gone.gguf

[remote]
hf-repo = user/model
"""


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("show")
    models = folder / "models"
    models.mkdir()
    coder = ScriptedModel(say="Hi.", arch="qwen3moe", experts=6, vocab=5000, name="Coder \x1b[31m")
    write(models / "moe.gguf", coder)
    write(models / "hybrid.gguf", ScriptedModel(say="Hi.", arch="jamba", layers=8))
    write(models / "window.gguf", ScriptedModel(say="Hi.", arch="gemma3", layers=12, window=1024))
    write_split(models / "split", ScriptedModel(say="Hi."), shards=3)
    header(models / "mmproj.gguf", "clip", {"general.type": "mmproj"})
    (models / "broken.gguf").write_bytes((models / "moe.gguf").read_bytes()[:9000])
    (folder / "models.conf").write_text(CONF)
    return folder / "models.conf"


Rows = dict[str, str]


def shown(text: str) -> tuple[Rows, Rows, list[str]]:
    """The rows of the file's block, those of the typed one, and its further lines."""
    blocks = text.split("\n\n")
    assert blocks[1].startswith("the model file\n")
    typed = blocks[2].splitlines()[1:] if blocks[2].startswith("typed by hand") else []
    further = [line.strip() for line in typed if line.strip()[0] in "#;!"]
    return rows_of(blocks[1].splitlines()[1:]), rows_of(typed), further


def rows_of(lines: list[str]) -> Rows:
    cut = (line.strip().partition("  ") for line in lines)
    return {name: text.strip() for name, _, text in cut if text}


def test_the_facts_come_from_the_file(paddock: Paddock, conf: Path) -> None:
    facts, _, _ = shown(paddock("show", "coder", "--config", conf).out)
    assert facts["architecture"] == "qwen3moe, MoE, 2 of 6 experts"
    assert facts["layers"] == "4, KV in 4"
    assert facts["context"] == "32,768 trained, 4,096 asked"
    assert facts["vocabulary"] == "5,000 tokens"
    assert facts["template"] == "mentions tools, thinking, system"
    assert facts["quantisation"].startswith("Q8_0 (Q8_0 ")
    assert "F16" in facts["quantisation"]
    assert "M parameters" in facts["size"]
    assert "bits per weight" in facts["size"]
    assert "shards" not in facts


def test_what_was_typed_stands_apart_and_is_contradicted(paddock: Paddock, conf: Path) -> None:
    _, typed, further = shown(paddock("show", "coder", "--config", conf).out)
    assert typed["NAME"] == "The coder"
    assert typed["DESCRIPTION"] == "Writes code, and more code."
    assert typed["SPEED"] == "~50 t/s"
    comments, objections = further[:2], further[2:]
    assert comments == ["# tuned by hand, a dense 30B", "; the rest is default"]
    assert objections[0] == "! the file says MoE, not dense"
    assert "parameters, not 30B" in objections[1]


def test_a_hybrid_says_which_layers_keep_what(paddock: Paddock, conf: Path) -> None:
    result = paddock("show", "hybrid", "--config", conf)
    facts, typed, _ = shown(result.out)
    assert facts["layers"] == "8, KV in 4, recurrent in 4 (0.1 MiB a sequence)"
    assert facts["architecture"] == "jamba, dense"
    assert not typed
    assert "typed by hand" not in result.out


def test_a_window_is_reported_with_the_layers_that_slide(paddock: Paddock, conf: Path) -> None:
    facts, _, _ = shown(paddock("show", "window", "--config", conf).out)
    assert facts["layers"] == "12, KV in 12, sliding window of 1,024 in 10"


def test_shards_are_counted(paddock: Paddock, conf: Path) -> None:
    facts, _, _ = shown(paddock("show", "split", "--config", conf).out)
    assert facts["shards"] == "3"


def test_a_projector_in_the_place_of_a_model_is_reported(paddock: Paddock, conf: Path) -> None:
    facts, _, _ = shown(paddock("show", "picture", "--config", conf).out)
    assert facts["kind"].startswith("projector, not a model: give it as MMPROJ")
    assert "template" not in facts


@pytest.mark.parametrize(
    ("profile", "what"),
    [
        ("broken", "broken.gguf is truncated or damaged (download it again)"),
        ("gone", "missing: "),
        ("remote", "it is fetched before the first load"),
    ],
)
def test_where_there_are_no_facts_the_reason_stands_and_the_rest_is_shown(
    paddock: Paddock, conf: Path, profile: str, what: str
) -> None:
    result = paddock("show", profile, "--config", conf)
    assert result.status == 0
    assert what in result.out.split("\n\n")[1]
    assert f"[{profile}]" in result.out.split("\n\n")[-1]
    printed = json.loads(paddock("show", profile, "--config", conf, "--json").out)
    assert printed["facts"] is None
    assert what in printed["facts_problem"]


def test_a_files_name_cannot_steer_the_terminal(paddock: Paddock, conf: Path) -> None:
    out = paddock("show", "coder", "--config", conf).out
    assert "Coder  [31m" in out
    assert "\x1b" not in out


def test_json_has_facts_and_comments(paddock: Paddock, conf: Path) -> None:
    printed = json.loads(paddock("show", "coder", "--config", conf, "--json").out)
    assert printed["comments"] == ["# tuned by hand, a dense 30B", "; the rest is default"]
    assert printed["facts"]["experts"] == 6
    assert printed["facts"]["recurrent"] == [False] * 4
    assert printed["facts_problem"] == ""


def test_the_command_for_the_shell_needs_no_facts(paddock: Paddock, conf: Path) -> None:
    assert paddock("show", "broken", "--config", conf, "--argv").out.count("\n") == 1
