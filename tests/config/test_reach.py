"""Which flags reach beyond models: by the help of the build, and all that nobody knows."""

import pytest

from paddock.config.profile import Flag, Origin, Profile
from paddock.config.reach import new_reach, reaches
from tests.config.stables import FLAGS

HERE = Origin("a", "key", 3)
FAR = """--tools --agent --mcp-servers-config --mcp-servers-json --ui-mcp-proxy --rpc --log-file --path --media-path
    --slot-save-path --chat-template-file --grammar-file --json-schema-file --video-ffmpeg-dir --ui-config-file
    --model-url --mmproj-url --lookup-cache-dynamic --log-prompts-dir --of-nobody"""
NEAR = """--model --mmproj --model-draft --lora --lora-scaled --control-vector --ctx-size --n-gpu-layers --temp
    --override-tensor --chat-template --hf-repo --no-agent --no-ui-mcp-proxy --jinja"""


@pytest.mark.parametrize(("names", "far"), [(FAR, True), (NEAR, False)])
def test_what_runs_programs_or_names_other_files_reaches_beyond(names: str, far: bool):
    for name in names.split():
        known = FLAGS.find(name) is not None
        assert known or name in {
            "--of-nobody",
            "--log-prompts-dir",
            "--video-ffmpeg-dir",
            "--rpc",
        }, name
        if known or far:
            assert (name, reaches(Flag(name, ("x",), HERE), FLAGS)) == (name, far)


def test_without_an_engine_everything_does():
    assert reaches(Flag("--temp", ("1",), HERE), None)


@pytest.mark.parametrize(
    ("written", "known", "refused"),
    [
        (("--model", "--hf-repo"), (), {"--model"}),
        (("--model", "--hf-repo"), ("--model",), {"--model"}),
        (("--model", "--hf-repo"), ("--model", "--hf-repo"), set()),
        (("--mmproj", "--mmproj-url"), ("--mmproj",), {"--mmproj", "--mmproj-url"}),
        (("--model-draft", "--hf-repo-draft"), (), {"--model-draft"}),
        (("--hf-repo",), (), set()),
        (("--model",), (), set()),
    ],
)
def test_no_file_is_named_to_which_something_is_fetched(written, known, refused):
    """llama-server (11434) writes what it fetches to where `--model` says."""
    flags = tuple(Flag(name, ("x",), HERE) for name in written)
    profile = Profile(id="a", line=1, model=None, flags=flags)
    found = new_reach(profile, frozenset((name, ("x",)) for name in known), FLAGS, "models.conf")
    assert {problem.flag for problem in found} == refused


def test_a_file_of_a_repository_is_in_it():
    assert not reaches(Flag("--hf-file", ("sub/m.gguf",), HERE), FLAGS)
    assert reaches(Flag("--hf-file", ("../../.profile",), HERE), FLAGS)
