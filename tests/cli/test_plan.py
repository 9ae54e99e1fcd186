"""`paddock plan`: one profile, all of them, and which fit together."""

import json
from itertools import combinations
from pathlib import Path

import pytest

from paddock.llama.scripted import ScriptedModel, write
from tests.cli.conftest import Paddock

_NAMES = [f"m{number:02}" for number in range(17)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plan")
    (folder / "models").mkdir()
    write(folder / "models" / "m.gguf", ScriptedModel(say="Hi."))
    return folder


def conf(folder: Path, profiles: int) -> Path:
    """All alike, so that the engine is asked once."""
    file = folder / f"{profiles}.conf"
    text = "".join(f"[m{n:02}]\nMODEL = m.gguf\nctx-size = 512\n" for n in range(profiles))
    file.write_text(text)
    return file


def test_of_seventeen_profiles_all_pairs_are_reported(paddock: Paddock, folder: Path):
    done = paddock("plan", "--all", "--config", conf(folder, 17))
    assert done.status == 0
    assert "any two of these 17 fit together" in done.out
    printed = json.loads(paddock("plan", "--all", "--json", "--config", conf(folder, 17)).out)
    assert [plan["profile"] for plan in printed["plans"]] == _NAMES
    assert [(p["one"], p["other"]) for p in printed["pairs"]] == list(combinations(_NAMES, 2))


def test_of_many_profiles_it_is_said_how_to_ask_for_those_beside_one(
    paddock: Paddock, folder: Path
):
    done = paddock("plan", "--all", "--config", conf(folder, 61))
    assert "fit together" not in done.out
    assert (
        "61 profiles: `paddock plan PROFILE --pairs` shows which of them fit beside one" in done.out
    )


def test_who_fits_beside_one_is_printed_for_that_one_alone(paddock: Paddock, folder: Path):
    done = paddock("plan", "m03", "--pairs", "--config", conf(folder, 17))
    others = [name for name in _NAMES if name != "m03"]
    assert done.out == f"fit beside m03: {', '.join(others)}\n"
    printed = json.loads(
        paddock("plan", "m03", "--pairs", "--json", "--config", conf(folder, 17)).out
    )
    assert [pair["other"] for pair in printed["pairs"]] == others


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name a profile, or say --all"),
        (("m03", "--all"), "leave out one of the two"),
        (("--all", "--pairs"), "leave out one of the two"),
        (("--pairs",), "name a profile"),
    ],
)
def test_a_profile_or_all_of_them_must_be_named(paddock: Paddock, folder: Path, words, said):
    refused = paddock("plan", *words, "--config", conf(folder, 17))
    assert refused.status != 0
    assert said in refused.err


def test_a_model_file_that_is_missing_cannot_be_loaded(paddock: Paddock, folder: Path):
    file = folder / "gone.conf"
    file.write_text("[gone]\nMODEL = gone.gguf\n")
    for words in (("gone",), ("--all",)):
        done = paddock("plan", *words, "--config", file)
        assert done.status == 1
        assert "gone.gguf" in done.out
        assert "as asked for" not in done.out


def test_a_variant_that_is_left_out_is_no_strange_name(paddock: Paddock, folder: Path):
    file = folder / "variant.conf"
    file.write_text("[p]\nMODEL = m.gguf\n[v3]\nvariant-of = p\nctx-size = 9\n")
    for verb in ("plan", "show"):
        refused = paddock(verb, "v3", "--config", file)
        assert refused.status == 1
        assert f"[v3] is left out, because of an error: {file}:5: " in refused.err
        assert "ctx-size is a launch flag" in refused.err
