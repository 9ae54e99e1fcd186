"""`paddock add` and `paddock init` on a models.conf that is there: what is put at its end, and what is refused."""

import json
from pathlib import Path

import pytest
from gguf import GGUFWriter

from paddock.cli.offline.addition import addition_of_file, append
from paddock.cli.offline.files import open_files
from paddock.cli.offline.inquiry import Silent
from paddock.errors import ConfigError
from paddock.llama.scripted import ScriptedModel, write, write_split
from tests.cli.conftest import Paddock

OWN = "# mine\r\n[*]\r\nctx-size = 512 ; not more\r\n\r\n[first]\r\nMODEL = first.gguf\r\naliases = dense-1b-q8_0"


def projector(path: Path) -> None:
    writer = GGUFWriter(path, "clip")
    writer.add_type("mmproj")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write(folder / "first.gguf", ScriptedModel(say="first", name="first"))
    write(folder / "Dense-1B-Q8_0.gguf", ScriptedModel(say="dense", name="dense"))
    write(folder / "draft-dense.gguf", ScriptedModel(say="draft", name="draft"))
    write_split(folder / "Split-Q8_0", ScriptedModel(say="split", name="split"), shards=3)
    studio = folder / "acme" / "Vision-4B-GGUF"
    studio.mkdir(parents=True)
    write(studio / "model-Q4_0.gguf", ScriptedModel(say="v", name="v", arch="gemma3", layers=6))
    projector(studio / "mmproj-F16.gguf")
    (folder / "text.gguf").write_text("no")
    return folder


@pytest.fixture
def conf(tmp_path: Path, models: Path) -> Path:
    file = tmp_path / "models.conf"
    file.write_bytes(OWN.encode("utf-8-sig"))
    (tmp_path / "models").symlink_to(models)
    return file


def test_a_profile_is_put_at_the_end_and_every_byte_before_it_stays(
    paddock: Paddock, conf: Path, models: Path
) -> None:
    before = conf.read_bytes()
    shown = paddock("add", models / "Split-Q8_0-00002-of-00003.gguf", "--config", conf, "--dry-run")
    assert (shown.status, conf.read_bytes()) == (0, before)
    assert "MODEL = Split-Q8_0-00001-of-00003.gguf" in shown.out
    assert "split-q8_0, planned by" in shown.out
    added = paddock("add", models / "Split-Q8_0-00002-of-00003.gguf", "-c", conf)
    assert (added.status, added.err.splitlines()[-1:]) == (0, shown.err.splitlines()[-1:])
    after = conf.read_bytes()
    assert after.startswith(before + b"\r\n\r\n[split-q8_0]\r\n# Facts of the file")
    assert after.count(b"\n") == after.count(b"\r\n")
    assert paddock("check", conf).status == 0


def test_names_projectors_and_repositories_are_those_of_init(
    paddock: Paddock, conf: Path, models: Path
) -> None:
    vision = json.loads(
        paddock("add", models / "acme/Vision-4B-GGUF/model-Q4_0.gguf", "-c", conf, "--json").out
    )
    assert [one["id"] for one in vision["profiles"]] == ["vision-4b-q4_0"]
    assert vision["profiles"][0]["mmproj"].endswith("mmproj-F16.gguf")
    assert [plan["profile"] for plan in vision["plans"]] == ["vision-4b-q4_0"]
    assert conf.read_bytes().decode().replace("\r\n", "\n").endswith(vision["text"])
    # An alias of another profile has this name.
    dense = json.loads(paddock("add", models / "Dense-1B-Q8_0.gguf", "-c", conf, "--json").out)
    assert [one["id"] for one in dense["profiles"]] == ["dense-1b-q8_0-2"]
    assert paddock("check", conf).status == 0


def test_a_file_from_elsewhere_is_named_in_full_and_moves_no_other(
    paddock: Paddock, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, conf: Path
) -> None:
    elsewhere = tmp_path_factory.mktemp("else")
    write(elsewhere / "x.gguf", ScriptedModel(say="x", name="x"))
    assert paddock("add", elsewhere / "x.gguf", "--name", "y", "-c", conf).status == 0
    assert "\n[y]\n# Facts of the file" in conf.read_text()
    assert f"\nMODEL = {elsewhere}/x.gguf\n" in conf.read_text()
    assert not (tmp_path / "paddock.toml").exists()


@pytest.mark.parametrize(
    ("file", "options", "words"),
    [
        ("first.gguf", [], "[first] has"),
        ("first.gguf", ["--name", "first"], "section [first]"),
        ("first.gguf", ["--name", "dense-1b-q8_0"], "dense-1b-q8_0"),
        ("first.gguf", ["--name", "*"], "cannot be called '*'"),
        ("first.gguf", ["--name", "a\nb"], "cannot be called 'a\\nb'"),
        ("first.gguf", ["--name", ""], "cannot be called ''"),
        ("first.gguf", ["--name", "x]y"], "cannot be called 'x]y'"),
        ("text.gguf", [], "is not a GGUF file"),
        ("draft-dense.gguf", [], "model-draft"),
        ("acme/Vision-4B-GGUF/mmproj-F16.gguf", [], "the projector of"),
        ("acme", [], "is a folder"),
        ("nowhere.gguf", [], "there is no file"),
        ("/dev/zero", [], "is a device instead of a file"),
    ],
)
def test_what_check_would_refuse_is_not_written(
    paddock: Paddock, conf: Path, models: Path, file: str, options: list[str], words: str
) -> None:
    refused = paddock("add", models / file, *options, "-c", conf)
    assert (refused.status, refused.out) == (1, "")
    assert words in refused.err
    assert conf.read_bytes() == OWN.encode("utf-8-sig")


def test_a_file_with_errors_is_not_added_to(paddock: Paddock, conf: Path, models: Path) -> None:
    conf.write_text("[a]\nMODEL = first.gguf\nno-such-flag = 1\n")
    refused = paddock("add", models / "Dense-1B-Q8_0.gguf", "-c", conf)
    assert refused.status == 1
    assert "has errors already" in refused.err
    assert "no-such-flag" in refused.err


def test_a_file_that_was_changed_in_the_meantime_is_left_alone(conf: Path, models: Path) -> None:
    addition = addition_of_file(
        models / "Dense-1B-Q8_0.gguf", open_files(conf), name=None, progress=Silent()
    )
    conf.write_text("# another\n")
    with pytest.raises(ConfigError, match="in the meantime"):
        append(addition)
    assert conf.read_text() == "# another\n"


def test_init_offers_what_is_new_and_adds_it_on_request(
    paddock: Paddock, conf: Path, models: Path
) -> None:
    refused = paddock("init", models, "-o", conf)
    assert (refused.status, refused.out) == (1, "")
    assert f"new: [dense-1b-q8_0-2] {models}/Dense-1B-Q8_0.gguf" in refused.err
    assert "--add adds 3 new profiles" in refused.err
    assert conf.read_bytes() == OWN.encode("utf-8-sig")
    added = paddock("init", models, "-o", conf, "--add")
    assert added.status == 0
    assert "added [dense-1b-q8_0-2], [split-q8_0], [vision-4b-q4_0] to" in added.out
    assert paddock("check", conf).status == 0
    nothing = paddock("init", models, "-o", conf)
    assert nothing.status == 0
    assert "has a profile for every model" in nothing.out
    (conf.parent / "empty").mkdir()
    empty = paddock("init", conf.parent / "empty", "-o", conf)
    assert (empty.status, empty.out) == (1, "")
    assert f"there is no GGUF file in {conf.parent}/empty" in empty.err
