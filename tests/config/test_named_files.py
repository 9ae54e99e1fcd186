"""Every file and folder that a flag names is looked at: the flags are those of the build's own help."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from paddock.config.vocabulary import RESERVED
from paddock.llama.flag_paths import is_written, paths, placed, takes_folder, takes_path
from paddock.llama.flags import FlagSpec
from tests.config.stables import FLAGS, Yard

P = "[p]\nMODEL = m.gguf\n"
NAMING = [
    spec
    for spec in FLAGS.specs
    if takes_path(spec) and spec.name != "--model" and not RESERVED.fullmatch(spec.name)
]
NEEDED = [spec for spec in NAMING if not is_written(spec)]
WRITTEN = [spec for spec in NAMING if is_written(spec)]


def value(spec: FlagSpec, path: object) -> str:
    return f"{path}:0.5" if "SCALE" in spec.hint else str(path)


def named(spec: FlagSpec) -> str:
    return spec.name


def test_the_help_of_the_build_says_which_they_are():
    assert {spec.name for spec in NEEDED} == {
        *("--lora", "--lora-scaled", "--control-vector", "--control-vector-scaled"),
        *("--grammar-file", "--json-schema-file", "--chat-template-file", "--mmproj"),
        *("--model-draft", "--lookup-cache-static", "--video-ffmpeg-dir", "--path"),
        *("--webui-config-file", "--mcp-servers-config", "--slot-save-path", "--media-path"),
    }
    assert {spec.name for spec in WRITTEN} == {
        *("--log-file", "--lookup-cache-dynamic", "--log-prompts-dir"),
    }
    folders = {spec.name for spec in NEEDED if takes_folder(spec)}
    assert folders == {"--path", "--slot-save-path", "--media-path", "--video-ffmpeg-dir"}


@pytest.mark.parametrize("spec", NEEDED, ids=named)
def test_what_is_not_there_fails_the_check_as_a_key_and_in_a_command_line(yard: Yard, spec):
    for line in (f"{spec.name[2:]} = ", f"EXTRA_ARGS = {spec.name} "):
        (problem,) = yard.problems(f"{P}{line}{value(spec, 'far/none.bin')}\n")
        assert (problem.code, problem.fails_check, problem.line) == ("missing-file", True, 3)
        assert problem.flag == spec.name
        assert problem.severity == "warning"  # a daemon's other profiles go on
        assert "far/none.bin" in problem.message
        assert spec.name[2:] in problem.message


@pytest.mark.parametrize("spec", NEEDED, ids=named)
def test_what_is_there_is_not_mentioned_and_starts_from_the_files_folder(yard: Yard, spec):
    folder = yard.models if spec.name in {"--mmproj", "--model-draft"} else yard.folder
    there = folder / "there"
    if takes_folder(spec):
        there.mkdir()
    else:
        there.touch()
    keys = f"{spec.name[2:]} = {value(spec, 'there')}"
    assert yard.problems(f"{P}{keys}\n") == []
    assert yard.argv(keys)[-1] == value(spec, there)


@pytest.mark.parametrize("spec", NEEDED, ids=named)
def test_a_file_is_no_folder_and_a_folder_is_no_file(yard: Yard, spec):
    other = yard.folder / "other"
    if takes_folder(spec):
        other.touch()
    else:
        other.mkdir()
    (problem,) = yard.problems(f"{P}{spec.name[2:]} = {value(spec, other)}\n")
    assert problem.code == "missing-file"


FILES = [spec for spec in NEEDED if not takes_folder(spec)]


@pytest.mark.parametrize("spec", FILES, ids=named)
def test_a_pipe_is_no_file_and_would_be_waited_for(yard: Yard, spec):
    os.mkfifo(yard.folder / "pipe")
    (problem,) = yard.problems(f"{P}{spec.name[2:]} = {value(spec, yard.folder / 'pipe')}\n")
    assert (problem.code, problem.fails_check) == ("missing-file", True)
    assert problem.message.endswith(f"a pipe instead of a file: {yard.folder}/pipe")


@pytest.mark.parametrize("spec", WRITTEN, ids=named)
def test_what_the_engine_writes_need_not_be_there_but_its_folder(yard: Yard, spec):
    assert yard.problems(f"{P}{spec.name[2:]} = new.bin\n") == []
    (problem,) = yard.problems(f"{P}{spec.name[2:]} = far/new.bin\n")
    assert (problem.code, problem.fails_check) == ("missing-file", False)
    assert "nothing will be written" in problem.message


@pytest.mark.parametrize("flag", ["lora", "control-vector", "lora-scaled"])
def test_of_several_files_each_is_looked_at(yard: Yard, flag):
    for name in ("a.gguf", "c.gguf"):
        (yard.folder / name).touch()
    scale = ":0.5" if flag == "lora-scaled" else ""
    files = ",".join(f"{name}.gguf{scale}" for name in "abc")
    (problem,) = yard.problems(f"{P}{flag} = {files}\n")
    assert "b.gguf" in problem.message
    (yard.folder / "b.gguf").touch()
    assert yard.problems(f"{P}{flag} = {files}\n") == []
    wanted = ",".join(f"{yard.folder}/{name}.gguf{scale}" for name in "abc")
    assert yard.argv(f"{flag} = {files}")[-1] == wanted


def test_the_nearest_of_the_same_kind_is_named(yard: Yard):
    (yard.folder / "chat.jinja").touch()
    (yard.folder / "chat.jinjo.txt").touch()
    (problem,) = yard.problems(f"{P}chat-template-file = chta.jinja\n")
    assert problem.hint == "did you mean chat.jinja?"


def test_what_llama_server_fetches_itself_need_not_be_there(yard: Yard):
    fetched = "[p]\nmodel-url = https://example.com/m.gguf\nMODEL = new.gguf\n"
    assert yard.problems(fetched) == []
    assert yard.problems(f"{P}hf-repo-draft = u/m\nmodel-draft = new.gguf\n") == []
    (problem,) = yard.problems("[p]\nhf-repo = u/m\nlora = none.gguf\n")
    assert problem.code == "missing-file"


def test_what_an_image_may_hold_is_not_missed_here(yard: Yard):
    """A template of the image's own, say; models are files of this machine all the same."""
    in_image = replace(FLAGS, in_image=True)
    text = f"{P}chat-template-file = /app/chat.jinja\nMMPROJ = none.gguf\n"
    (problem,) = yard.problems(text, lambda _: in_image)
    assert problem.key == "MMPROJ"


def test_a_name_inside_a_repository_is_no_file_here(yard: Yard):
    assert yard.problems("[p]\nhf-repo = u/m\nhf-file = m-Q4_K_M.gguf\n") == []


@pytest.mark.parametrize("key", ["MODEL", "MMPROJ", "lora", "chat-template-file", "media-path"])
def test_a_name_that_no_file_could_have_is_a_missing_file(yard: Yard, key):
    model = "" if key == "MODEL" else "MODEL = m.gguf\n"
    (problem,) = yard.problems(f"[p]\n{model}{key} = {'x' * 300}\n")
    assert problem.code == "missing-file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_is_not_ours_to_read_is_reported(yard: Yard):
    (yard.folder / "secret").touch(mode=0o000)
    (problem,) = yard.problems(f"{P}grammar-file = secret\n")
    assert "cannot be read" in problem.message


def test_defaults_for_all_are_reported_once_and_where_they_stand(yard: Yard):
    text = f"[*]\nlora = none.gguf\n{P}[q]\nMODEL = m.gguf\n"
    (problem,) = yard.problems(text)
    assert (problem.section, problem.line) == ("*", 2)


def test_paths_are_found_again_in_what_they_were_placed_in():
    for spec in NAMING:
        text = placed(spec, value(spec, "a"), lambda path: f"/x/{path}")
        assert paths(spec, [text]) == ["/x/a"]
        assert Path(paths(spec, [text])[0]).is_absolute()
