"""list, show and check read models.conf themselves; the engine's flags are a real engine's."""

import json
from pathlib import Path

import pytest

from paddock.llama.scripted import ScriptedModel, write
from tests.cli.conftest import Paddock

GOOD = """\
[*]
ctx-size = 2048

[glm]
NAME = GLM Flash
SPEED = ~147 t/s
MODEL = glm.gguf
CTX_SIZE = 4096
EXTRA_ARGS = --temp 0.7 --chat-template "a b"
aliases = flash

[bench-glm]
MODEL = glm.gguf

[secret]
MODEL = glm.gguf
hidden = true
"""


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    write(tmp_path / "models" / "glm.gguf", ScriptedModel(say="Hi."))
    file = tmp_path / "models.conf"
    file.write_text(GOOD)
    return file


def test_a_good_file_passes_the_check(paddock: Paddock, conf: Path) -> None:
    result = paddock("check", conf)
    assert result.status == 0
    assert f"{conf}: 3 profiles, no errors" in result.out


def test_every_problem_is_listed_with_its_line_and_the_status_is_1(
    paddock: Paddock, conf: Path
) -> None:
    conf.write_text(GOOD + "\n[bad]\nMODEL = glm.gguf\nctx-sise = 5\n[worse]\nCTX_SIZE = 1\n")
    result = paddock("check", conf)
    assert result.status == 1
    assert f"{conf}:21: [bad]" in result.out
    assert "ctx-size" in result.out.split("[bad]")[1]  # the nearest key
    assert "[worse]" in result.out
    assert "2 errors" in result.out


def test_the_check_speaks_json(paddock: Paddock, conf: Path) -> None:
    conf.write_text(GOOD + "\n[bad]\n")
    result = paddock("check", conf, "--json")
    printed = json.loads(result.out)
    assert (result.status, printed["ok"]) == (1, False)
    assert printed["problems"][0]["section"] == "bad"


def test_a_file_that_is_not_there_is_a_problem_and_no_traceback(
    paddock: Paddock, tmp_path: Path
) -> None:
    result = paddock("check", tmp_path / "none.conf")
    assert result.status == 1
    assert "none.conf" in result.out


def test_show_says_where_each_flag_comes_from_and_what_it_overrides(
    paddock: Paddock, conf: Path
) -> None:
    result = paddock("show", "flash", "--config", conf)
    assert result.status == 0
    rows = {line.split()[0]: line for line in result.out.splitlines() if line.startswith("--")}
    assert "4096" in rows["--ctx-size"]
    assert "[glm] CTX_SIZE, line 8" in rows["--ctx-size"]
    assert "2048 ([*] ctx-size, line 2)" in rows["--ctx-size"]
    assert "[glm] EXTRA_ARGS, line 9" in rows["--chat-template"]


def test_show_prints_a_command_for_the_shell(paddock: Paddock, conf: Path) -> None:
    result = paddock("show", "glm", "--config", conf, "--argv")
    assert result.out.count("\n") == 1
    assert f"--model {conf.parent}/models/glm.gguf" in result.out
    assert "--chat-template 'a b'" in result.out


def test_show_speaks_json(paddock: Paddock, conf: Path) -> None:
    printed = json.loads(paddock("show", "glm", "--config", conf, "--json").out)
    context = next(flag for flag in printed["flags"] if flag["name"] == "--ctx-size")
    assert context["values"] == ["4096"]
    assert context["origin"] == {"section": "glm", "key": "CTX_SIZE", "line": 8}
    assert "--ctx-size" in printed["argv"]


@pytest.mark.parametrize(
    ("name", "hint"), [("gml", "nearest: glm"), ("qwen", "`paddock list` shows all")]
)
def test_an_unknown_profile_is_refused_with_the_nearest_names(
    paddock: Paddock, conf: Path, name: str, hint: str
) -> None:
    result = paddock("show", name, "--config", conf)
    assert result.status == 1
    assert f"no profile {name!r}" in result.err
    assert hint in result.err


def test_list_and_show_know_variants(paddock: Paddock, conf: Path) -> None:
    conf.write_text(f"{conf.read_text()}\n[brief]\nvariant-of = glm\ntemp = 0.5\nstop = END\n")
    found = json.loads(paddock("list", "--config", conf, "--json").out)
    assert [(p["id"], p.get("variants", []), p.get("variant_of", "")) for p in found][:2] == [
        ("glm", ["brief"], ""),
        ("brief", [], "glm"),
    ]
    assert "(variant of glm)" in paddock("list", "--config", conf).out
    shown = paddock("show", "brief", "--config", conf)
    assert "brief, a variant of glm" in shown.out
    assert "temperature" in shown.out
    variant = json.loads(paddock("show", "BRIEF", "--config", conf, "--json").out)["variant"]
    assert variant["settings"] == {"temperature": 0.5, "stop": ["END"]}


def test_check_fails_on_a_broken_variant_and_names_it(paddock: Paddock, conf: Path) -> None:
    conf.write_text(f"{conf.read_text()}\n[brief]\nvariant-of = glm\nctx-size = 4096\n")
    result = paddock("check", conf)
    assert result.status == 1
    assert "[brief] ctx-size is a launch flag (--ctx-size)" in result.out


def test_the_list_works_without_a_daemon(paddock: Paddock, conf: Path) -> None:
    result = paddock("list", "--config", conf)
    main, bench = result.out.split("benchmark profiles")
    assert "GLM Flash" in main
    assert "~147 t/s" in main
    assert "bench-glm" in bench
    assert "secret" not in result.out
    assert "secret" in paddock("list", "--config", conf, "--all").out


def test_the_list_falls_back_to_the_usual_file_and_says_so(
    paddock: Paddock, conf: Path, tmp_path: Path
) -> None:
    usual = tmp_path / ".config" / "paddock"
    usual.mkdir(parents=True)
    (usual / "models.conf").write_text(GOOD)
    (usual / "models").symlink_to(conf.parent / "models")
    result = paddock("list", "--json")
    assert "no daemon answers" in result.err
    assert [profile["id"] for profile in json.loads(result.out)] == ["glm", "bench-glm"]


def test_a_settings_file_that_is_wrong_is_reported(paddock: Paddock, conf: Path) -> None:
    (conf.parent / "paddock.toml").write_text("lisen = 'x'\n")
    result = paddock("check", conf)
    assert result.status == 1
    assert "did you mean 'listen'" in result.err


@pytest.mark.parametrize("verb", ["serve", "start", "list"])
def test_without_any_file_the_newcomer_reads_what_to_do(
    paddock: Paddock, tmp_path: Path, verb: str
) -> None:
    missing = tmp_path / "models.conf"
    refused = paddock(verb, "--config", str(missing))
    assert refused.status == 1
    assert f"there is no {missing}" in refused.err
    assert "`paddock init FOLDER` writes one" in refused.err


# ---- where a relative path of the command line starts ----


@pytest.mark.parametrize("verb", [("check",), ("list",), ("show", "glm")])
@pytest.mark.parametrize("printed", ["elsewhere", "./elsewhere", "../{name}/elsewhere"])
def test_a_relative_models_dir_starts_from_the_working_folder(
    paddock: Paddock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    verb: tuple[str, ...],
    printed: str,
) -> None:
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "models.conf").write_text("[glm]\nMODEL = glm.gguf\n")
    here = tmp_path / "work"
    (here / "elsewhere").mkdir(parents=True)
    write(here / "elsewhere" / "glm.gguf", ScriptedModel(say="Hi."))
    monkeypatch.chdir(here)
    folder = printed.format(name=here.name)
    result = paddock(*verb, "--config", conf, "--models-dir", folder)
    assert result.status == 0, result.out + result.err
    if verb[0] == "show":
        assert f"{here}/{folder.removeprefix('./')}/glm.gguf" in result.out


def test_one_that_paddock_toml_names_starts_from_its_own_folder(
    paddock: Paddock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models.conf").write_text("[glm]\nMODEL = glm.gguf\n")
    (tmp_path / "paddock.toml").write_text('models-dir = "gguf"\n')
    (tmp_path / "gguf").mkdir()
    write(tmp_path / "gguf" / "glm.gguf", ScriptedModel(say="Hi."))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    assert paddock("check", "--config", tmp_path).status == 0


def test_check_looks_at_every_file_that_a_flag_names(paddock: Paddock, conf: Path) -> None:
    conf.write_text(
        "[glm]\nMODEL = glm.gguf\nlora = none.gguf\nEXTRA_ARGS = --grammar-file no.gbnf\n"
    )
    result = paddock("check", "--config", conf)
    assert result.status == 1
    assert "[glm] lora: no such file" in result.out
    assert "[glm] EXTRA_ARGS: --grammar-file: no such file" in result.out


@pytest.mark.parametrize("verb", ["list", "plan --all", "doctor"])
@pytest.mark.parametrize("text", ["", "[*]\nctx-size = 2048\n", "# later\n"])
def test_a_file_without_a_profile_is_said_and_no_empty_table_shown(
    paddock: Paddock, tmp_path: Path, verb: str, text: str
) -> None:
    file = tmp_path / "models.conf"
    file.write_text(text)
    done = paddock(*verb.split(), "--config", file)
    assert "models.conf has no profile: `paddock init FOLDER`" in done.err
    assert (done.status, done.out.strip()) == (0, "nothing to improve" if verb == "doctor" else "")


def test_where_all_are_hidden_the_list_says_how_they_are_seen(paddock: Paddock, conf: Path) -> None:
    conf.write_text("[a]\nMODEL = glm.gguf\nhidden = true\n")
    done = paddock("list", "--config", conf)
    assert (done.out, "--all shows them" in done.err) == ("", True)


def test_check_says_how_one_gets_the_file_that_is_not_there(
    paddock: Paddock, tmp_path: Path
) -> None:
    done = paddock("check", tmp_path / "models.conf")
    assert done.status == 1
    assert "`paddock init FOLDER` writes one" in done.out
