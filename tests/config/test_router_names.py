"""Presets as llama.cpp's router has them: sections named after models, comments, keys before all."""

import pytest

from paddock.config.router_names import repository_files
from tests.config.stables import flags_of_the_build, no_engine

CACHE = "hub/models--acme--Thing-GGUF"


@pytest.fixture
def hub(yard, monkeypatch):
    """Hugging Face's cache with two quantisations of one model and a projector."""
    monkeypatch.delenv("LLAMA_CACHE", raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(yard.folder / "hub"))
    snapshot = yard.folder / CACHE / "snapshots" / "1a2b"
    snapshot.mkdir(parents=True)
    (yard.folder / CACHE / "refs").mkdir()
    (yard.folder / CACHE / "refs" / "main").write_text("1a2b")
    for name in ("Thing-Q8_0.gguf", "Thing-Q4_K_M.gguf", "mmproj-Thing-f16.gguf"):
        (snapshot / name).write_text(name)
    return snapshot


def model(yard, text, name="p"):
    return yard.load(text).profiles[name].model


def test_a_section_gets_the_file_of_the_models_folder_that_has_its_name(yard):
    stable = yard.load("[m]\nc = 256\n")
    assert list(stable.profiles["m"].argv) == ["--model", str(yard.models / "m.gguf"), "--ctx-size", "256"]  # fmt: skip
    assert stable.warnings == ()
    assert str(stable.profiles["m"].flags[0].origin) == "[m] section, line 1"


def test_a_section_gets_the_folder_of_its_name_with_projector_and_draft(yard):
    folder = yard.models / "vision"
    folder.mkdir()
    names = ("b.gguf", "mmproj-x.gguf", "mtp-x.gguf", "notes.txt")
    for name in names:
        (folder / name).touch()
    argv = yard.load("[vision]\n").profiles["vision"].argv
    assert list(argv) == [
        *("--model", str(folder / "b.gguf"), "--mmproj", str(folder / "mmproj-x.gguf")),
        *("--model-draft", str(folder / "mtp-x.gguf")),
    ]


def test_of_shards_the_first_is_the_model(yard):
    folder = yard.models / "big"
    folder.mkdir()
    for number in (1, 2):
        (folder / f"big-0000{number}-of-00002.gguf").touch()
    assert model(yard, "[big]\n", "big") == folder / "big-00001-of-00002.gguf"


@pytest.mark.parametrize("keys", ["MODEL = other.gguf", "EXTRA_ARGS = -m other.gguf"])
def test_what_the_section_says_itself_comes_first(yard, keys):
    (yard.models / "other.gguf").touch()
    assert model(yard, f"[m]\n{keys}\n", "m") == yard.models / "other.gguf"


@pytest.mark.parametrize("name", ["none", "mmproj-x", "mtp-x", "..", ".", "a/b/c"])
def test_a_section_that_no_model_is_named_after_has_none(yard, name):
    for file in ("mmproj-x.gguf", "mtp-x.gguf"):
        (yard.models / file).touch()
    (error,) = yard.errors(f"[{name}]\nc = 256\n")
    assert "has no model (write MODEL = file.gguf, or hf-repo = user/model)" in error


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("acme/Thing-GGUF:Q8_0", "Thing-Q8_0.gguf"),
        ("acme/Thing-GGUF:q8_0", "Thing-Q8_0.gguf"),
        ("acme/Thing-GGUF", "Thing-Q4_K_M.gguf"),
    ],
)
def test_a_section_gets_what_the_cache_holds_of_the_repository_of_its_name(yard, hub, name, file):
    profile = yard.load(f"[{name}]\nc = 256\n").profiles[name]
    assert (profile.model, profile.mmproj) == (hub / file, hub / "mmproj-Thing-f16.gguf")


def test_a_repository_or_a_quantisation_that_was_not_downloaded_is_no_model(yard, hub):
    for name in ("acme/Thing-GGUF:Q2_K", "acme/Other-GGUF"):
        (error,) = yard.errors(f"[{name}]\n")
        assert f"has no model (write MODEL = file.gguf, or hf-repo = {name})" in error


def test_the_cache_is_where_llama_cpp_has_it(tmp_path):
    home = tmp_path / "x" / "models--u--m" / "snapshots" / "1"
    home.mkdir(parents=True)
    (home / "m-Q4_K_M.gguf").touch()
    places = [
        {"LLAMA_CACHE": str(tmp_path / "x"), "HF_HOME": "/none"},
        {"HF_HUB_CACHE": str(tmp_path / "x")},
        {"HUGGINGFACE_HUB_CACHE": str(tmp_path / "x")},
    ]
    for environ in places:
        assert repository_files("u/m", environ)["--model"] == home / "m-Q4_K_M.gguf"
    assert repository_files("u/m", {"HF_HOME": str(tmp_path)}) == {}


# ---- an engine that cannot download ----


def cannot_download(engine):
    from dataclasses import replace

    from paddock.llama.flags import FlagSet

    without = [s for s in flags_of_the_build(engine).specs if s.name not in {"--hf-repo", "--hf-file"}]  # fmt: skip
    reason = "it takes a model by its path only"
    return replace(FlagSet.of(without), lacking={"--hf-repo": reason, "-hf": reason})


@pytest.mark.parametrize(
    "keys", ["hf-repo = u/m:Q4_K_M", "hf = u/m", "LLAMA_ARG_HF_REPO = u/m", "HF-REPO = u/m"]
)
def test_an_engine_that_cannot_download_says_so_and_nothing_else(yard, keys):
    (error,) = yard.errors(f"[p]\n{keys}\n", cannot_download)
    assert "this engine cannot do" in error
    assert "takes a model by its path only" in error
    assert "did you mean" not in error
    assert "hf-repo = " not in error


def test_what_is_in_the_cache_is_named(yard, hub):
    (error,) = yard.errors("[p]\nhf-repo = acme/Thing-GGUF:Q8_0\n", cannot_download)
    assert error.endswith(f"(it is there: write MODEL = {hub.relative_to(yard.folder)}/Thing-Q8_0.gguf)")  # fmt: skip


def test_no_hint_says_to_download_with_an_engine_that_cannot(yard):
    (error,) = yard.errors("[p]\nc = 5\n", cannot_download)
    assert error == "models.conf:1: [p] has no model (write MODEL = file.gguf)"
    word, none = yard.errors("[p]\nEXTRA_ARGS = -hf u/m\n", cannot_download)
    assert "hf-repo = " not in word + none


# ---- keys before the first section ----


def test_keys_before_the_first_section_are_nobodys_unless_a_model_is_among_them(yard):
    (said,) = yard.problems("c = 256\nversion = 1\n[m]\nn = 5\n")
    assert (said.severity, said.line) == ("warning", 1)
    assert "write [*] above them" in said.hint
    assert list(yard.load("c = 256\n[m]\n").profiles) == ["m"]
    assert list(yard.load("model = m.gguf\n[m]\n").profiles) == ["default", "m"]


def test_a_mistake_before_the_first_section_is_still_an_error(yard):
    assert "unknown key 'ctx-sise'" in yard.errors("ctx-sise = 256\n[m]\n")[0]


# ---- comments behind values ----


@pytest.mark.parametrize(
    ("line", "argv"),
    [
        ("c = 256 ; enough", ["--ctx-size", "256"]),
        ("c = 256\t# enough", ["--ctx-size", "256"]),
        ("c = 256 ;", ["--ctx-size", "256"]),
        ("c = 256;enough", ["--ctx-size", "256"]),
        ("jinja = off#", ["--no-jinja"]),
        ("CTX_SIZE = 256 # enough", ["--ctx-size", "256"]),
        ("c = ; the model's own", []),
        ("jinja = on ; yes", ["--jinja"]),
        ("ttl = 10m ; then it goes", []),
        ("grammar = x #y", ["--grammar", "x"]),
        ("EXTRA_ARGS = -c 256 # enough", ["--ctx-size", "256"]),
        ("EXTRA_ARGS = # nothing", []),
        ("EXTRA_ARGS = --grammar 'a # b' -c 256 # c", ["--grammar", "a # b", "--ctx-size", "256"]),
        ("EXTRA_ARGS = --grammar a#b", ["--grammar", "a#b"]),
        ("EXTRA_ARGS = -c 256 \\\n  # more\n  --jinja", ["--ctx-size", "256", "--jinja"]),
    ],
)
def test_a_comment_behind_a_value_is_none_of_it(yard, line, argv):
    assert yard.problems(f"[p]\nMODEL = m.gguf\n{line}\n") == []
    assert yard.argv(line) == argv


@pytest.mark.parametrize(
    ("line", "argv"),
    [
        ("reverse-prompt = ### User:", ["--reverse-prompt", "### User:"]),
        ("samplers = penalties;dry;top_k", ["--samplers", "penalties;dry;top_k"]),
        ('chat-template-kwargs = {"a": "b ; c"}', ["--chat-template-kwargs", '{"a": "b ; c"}']),
        ("chat-template = {# hello #}{{ messages }}", ["--chat-template", "{# hello #}{{ messages }}"]),
        ('grammar = root ::= "a" # x', ["--grammar", 'root ::= "a" # x']),
    ],
)  # fmt: skip
def test_what_is_text_stays_whole_and_is_reported(yard, line, argv):
    (said,) = yard.warnings(f"[p]\nMODEL = m.gguf\n{line}\n")
    assert "llama.cpp's own preset reader would cut" in said
    assert yard.argv(line) == argv


def test_names_for_people_and_of_files_are_whole(yard):
    (yard.models / "m #2.gguf").touch()
    profile = yard.load("[p]\nNAME = A; b # c\nMODEL = m #2.gguf\n").profiles["p"]
    assert (profile.title, profile.model) == ("A; b # c", yard.models / "m #2.gguf")


def test_a_comment_behind_a_header_is_none_of_the_name(yard):
    assert list(yard.load("[m] ; mine\nc = 256\n").profiles) == ["m"]
    assert list(yard.load("[m] # see [x]\nc = 256\n").profiles) == ["m"]
    assert list(yard.load("[a]b]\nMODEL = m.gguf\n").profiles) == ["a]b"]


def test_without_an_engine_nothing_is_cut_or_found_less(yard):
    assert list(yard.load("[m]\nc = 256 ; x\n", no_engine).profiles["m"].argv[2:]) == ["--ctx-size", "256"]  # fmt: skip
