"""One odd file hurts nothing but its own profile: the daemon, and every verb that reads headers."""

import json
import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from paddock.config.settings import Paths
from paddock.llama.scripted import ScriptedModel, write
from tests.broken import BREAKERS, of_type
from tests.cli.conftest import Paddock
from tests.llama.odd import Value, every_value, odd_file, sane
from tests.yard import places, yard

KEYS = [
    "general.architecture", "general.name", "general.type", "general.file_type", "general.alignment",
    "split.count", "split.no", "split.tensors.count", "tokenizer.chat_template",
    "tokenizer.ggml.tokens", "tokenizer.ggml.model",
    *(f"llama.{key}" for key in (
        "block_count", "context_length", "embedding_length", "attention.head_count", "vocab_size",
        "attention.head_count_kv", "attention.key_length", "attention.value_length", "expert_count",
        "expert_used_count", "attention.sliding_window", "attention.sliding_window_pattern",
        "nextn_predict_layers", "attention.recurrent_layers", "full_attention_interval",
        "ssm.conv_kernel", "ssm.inner_size", "ssm.state_size", "wkv.head_size", "shortconv.l_cache",
    )),
]  # fmt: skip


def combinations() -> Iterator[tuple[str, Value]]:
    return ((key, value) for key in KEYS for value in every_value())


def fill(folder: Path, *, most: int | None = None) -> list[Path]:
    """A file for each key and type, or for so many of them, of which each type has some."""
    wanted = list(combinations())
    random.Random(1).shuffle(wanted)
    return [
        odd_file(folder / f"odd{n}.gguf", {**sane("llama"), key: value}, tensors=2)
        for n, (key, value) in enumerate(islice(wanted, most))
    ]


def profiles(paths: list[Path]) -> str:
    return "".join(f"[{path.stem}]\nmodel = {path.name}\n" for path in paths)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = places(tmp_path / "yard", "[good]\nmodel = good.gguf\n")
    paths.models_dir.mkdir()
    write(paths.models_dir / "good.gguf", ScriptedModel(say="Nothing hurts me."))
    return paths


async def test_a_daemon_starts_and_serves_beside_every_odd_file(paths: Paths):
    odd = fill(paths.models_dir)
    assert len(odd) > 1500
    paths.config.write_text(paths.config.read_text() + profiles(odd))
    async with yard(paths) as home:
        assert await home.answer("good") == "Nothing hurts me."
        await home.daemon.configuration.refine()
        assert await home.daemon.roster.read_facts() == (
            set(),
            set(),
        )  # all have been read, and none again
        assert (await home.get("/plans"))["total"] == len(odd) + 1
        assert len((await home.get("/catalog"))["models"]) == len(odd) + 1


async def test_odd_files_that_are_added_while_a_model_is_loaded_leave_it_alone(paths: Paths):
    async with yard(paths, plan_ahead=True) as home:
        assert await home.answer("good") == "Nothing hurts me."
        (before,) = [i.id for i in (await home.status()).instances]
        odd = fill(paths.models_dir, most=40)
        odd += [broken(paths.models_dir / f"{b.__name__}.gguf", b) for b in BREAKERS]
        odd += [of_type(paths.models_dir / f"type{n}.gguf", n) for n in (4, 31, 99)]
        paths.config.write_text(paths.config.read_text() + profiles(odd))
        assert (await home.post("/reload"))[0] == 200
        advice = (await home.get("/doctor"))["advice"]
        assert not [a for a in advice if a["profile"] == "good"]
        assert {a["profile"] for a in advice} >= {b.__name__ for b in BREAKERS}
        assert await home.answer("good") == "Nothing hurts me."
        assert [i.id for i in (await home.status()).instances] == [before]


def broken(path: Path, breaks: object) -> Path:
    breaks(path)  # type: ignore[operator]
    return path


def test_every_verb_gets_over_them_and_says_what_is_wrong_with_each(
    paddock: Paddock, paths: Paths, tmp_path: Path
):
    odd = fill(paths.models_dir, most=25)
    odd += [broken(paths.models_dir / f"{b.__name__}.gguf", b) for b in BREAKERS]
    paths.config.write_text(paths.config.read_text() + profiles(odd))
    flags = ("--models-dir", paths.models_dir)
    checked = paddock("check", paths.config, *flags, "--json")
    printed = json.loads(checked.out)
    assert (checked.status, printed["ok"], checked.err) == (1, False, "")
    wrong = {one["profile"] for one in printed["advice"] if one["severity"] == "error"}
    wrong |= {one["section"] for one in printed["problems"]}
    assert {b.__name__ for b in BREAKERS} <= wrong
    assert "good" not in wrong
    said = [a["message"] for a in printed["advice"] if a["profile"] == "context_as_float"]
    assert any("says: " in words and "has wrong type f32" in words for words in said)

    planned = paddock("plan", "--all", "--config", paths.config, *flags)
    assert planned.status == 1, "one is too large by itself"
    for path in odd:
        assert path.stem in planned.out

    made = paddock("init", paths.models_dir, "--output", tmp_path / "made.conf", "--json")
    assert made.status == 0, made.err
    found = json.loads(made.out)
    listed = {Path(one["path"]).name for one in found["left_out"]}
    listed |= {Path(one["path"]).name for one in found["profiles"]}
    assert {path.name for path in paths.models_dir.iterdir()} <= listed
    foreign = next(o for o in found["left_out"] if o["path"].endswith("first_version.gguf"))
    assert "version 1" in foreign["why"]
    assert "llama-server" in foreign["why"]

    swap = tmp_path / "config.yaml"
    models = "".join(
        f"  {path.stem}:\n    cmd: llama-server --port ${{PORT}} -m {path}\n" for path in odd
    )
    swap.write_text(f"models:\n{models}")
    imported = paddock("import", "llama-swap", swap, "--output", tmp_path / "swapped.conf")
    assert imported.status == 0, imported.err
    assert "good" not in imported.err


def test_a_tensor_type_that_we_do_not_know_gets_a_profile(
    paddock: Paddock, paths: Paths, tmp_path: Path
):
    of_type(paths.models_dir / "newer.gguf", 77)
    made = paddock("init", paths.models_dir, "--output", tmp_path / "made.conf", "--json")
    found = {one["id"]: one["facts"] for one in json.loads(made.out)["profiles"]}
    assert found["newer"]["n_layers"] == 4
    assert found["newer"]["types"]["type 77"] > 0
