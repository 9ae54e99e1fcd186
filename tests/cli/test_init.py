"""`paddock init`: from a folder of real model files to a models.conf that a real daemon serves."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from gguf import GGUFWriter

from paddock.cli.offline.draft import Draft, draft_for, write
from paddock.cli.offline.inquiry import engine_names
from paddock.config.models_conf import load
from paddock.config.profile import Profile
from paddock.config.settings import Paths, load_settings
from paddock.engine.locate import find_engine
from paddock.errors import ConfigError
from paddock.host.gpus import Gpu
from paddock.llama.scripted import ScriptedModel, write_split
from paddock.llama.scripted import write as write_model
from tests.cli.conftest import Paddock
from tests.yard import engine_command, wrapper, yard

RECORDED = Path(__file__).parents[1] / "llama"


def say(name: str, **rest: object) -> ScriptedModel:
    return ScriptedModel(say=f"I am {name}.", name=name, **rest)  # type: ignore[arg-type]


def projector(path: Path, file_type: int) -> None:
    """A header that says so is all that a projector is here: GGUFType.MMPROJ."""
    writer = GGUFWriter(path, "clip")
    writer.add_type("mmproj")
    writer.add_file_type(file_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def hugging_face(hub: Path, revision: str, model: ScriptedModel) -> None:
    """A snapshot of one file, as huggingface_hub lays it down; the newest one is `main`."""
    home = hub / "models--acme--Thing-7B-GGUF"
    blob, link = home / "blobs" / model.name, home / "snapshots" / revision / "ggml-model-Q8_0.gguf"
    for folder in (blob.parent, link.parent, home / "refs"):
        folder.mkdir(parents=True, exist_ok=True)
    write_model(blob, model)
    link.symlink_to(os.path.relpath(blob, link.parent))
    (home / "refs" / "main").write_text(revision)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models that can all be served: each answers with its name."""
    folder = tmp_path_factory.mktemp("good")
    write_model(folder / "Dense-1B-Q8_0.gguf", say("dense"))
    write_model(folder / "Mixture-30B-A3B.gguf", say("moe", arch="qwen3moe"))
    write_model(folder / "hybrid.gguf", say("hybrid", arch="jamba", layers=8))
    write_split(folder / "Split-Q8_0", say("split"), shards=3)
    studio = folder / "lmstudio-community" / "Vision-4B-GGUF"
    studio.mkdir(parents=True)
    write_model(studio / "Vision-4B-Q4_0.gguf", say("vision", arch="gemma3", layers=6))
    hugging_face(folder / "hub", "1111", say("outdated"))
    hugging_face(folder / "hub", "2222", say("thing"))
    return folder


ANSWERS = {
    "dense-1b-q8_0": "I am dense.",
    "hybrid": "I am hybrid.",
    "mixture-30b-a3b": "I am moe.",
    "split-q8_0": "I am split.",
    "thing-7b-q8_0": "I am thing.",
    "vision-4b-q4_0": "I am vision.",
}


@pytest.fixture(scope="module")
def everything(good: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The good ones, and whatever else lies about in such a folder."""
    folder = tmp_path_factory.mktemp("all") / "models"
    shutil.copytree(good, folder, symlinks=True)
    for path in write_split(folder / "lost", say("lost"), shards=3)[1:2]:
        path.unlink()
    for path in write_split(folder / "loose", say("loose"), shards=3)[:1]:
        path.unlink()
    (folder / "cut.gguf").write_bytes((folder / "hybrid.gguf").read_bytes()[:9000])
    (folder / "text.gguf").write_text("<!DOCTYPE html>")
    (folder / "link.gguf").symlink_to("hybrid.gguf")
    studio = folder / "lmstudio-community" / "Vision-4B-GGUF"
    projector(studio / "mmproj-Vision-4B-F32.gguf", 0)
    projector(studio / "mmproj-Vision-4B-F16.gguf", 1)
    projector(folder / "mmproj-stranger-f16.gguf", 1)
    write_model(folder / "nomic-embed-text.gguf", say("embed", ctx=2048))
    write_model(folder / "draft-dense.gguf", say("draft"))
    return folder


@pytest.fixture
def usual(tmp_path: Path) -> Path:
    return tmp_path / ".config" / "paddock" / "models.conf"


def profiles(conf: Path) -> dict[str, Profile]:
    """As the daemon would read them, against the real engine's flags; no problem may be left."""
    engine = find_engine(_engine(), cache_dir=conf.parent / "engines")
    chosen = load_settings(conf.with_name("paddock.toml"), {}).models_dir
    folder = Path(chosen) if chosen else None
    stable = load(conf, models_dir=folder, flags_for=lambda _: engine.flags)
    assert [str(warning) for warning in stable.warnings] == []
    return dict(stable.profiles)


def _engine() -> str:
    command = engine_command()
    return command[0] if len(command) == 1 else "embedded"


def test_a_folder_becomes_a_file_that_paddock_check_finds_nothing_wrong_with(
    paddock: Paddock, everything: Path, usual: Path
) -> None:
    made = paddock("init", everything)
    assert made.status == 0, made.err
    checked = json.loads(paddock("check", "--json").out)
    assert (checked["ok"], checked["problems"]) == (True, [])
    assert [one for one in checked["advice"] if one["severity"] != "info"] == []
    assert sorted(profiles(usual)) == sorted([*ANSWERS, "nomic-embed-text"])


def test_shards_projectors_and_snapshots_are_joined(
    paddock: Paddock, everything: Path, usual: Path
) -> None:
    paddock("init", everything)
    found = profiles(usual)
    studio = everything / "lmstudio-community" / "Vision-4B-GGUF"
    assert found["split-q8_0"].model == everything / "Split-Q8_0-00001-of-00003.gguf"
    assert found["vision-4b-q4_0"].mmproj == studio / "mmproj-Vision-4B-F16.gguf"
    thing = found["thing-7b-q8_0"].model
    assert thing is not None
    assert thing.parent == everything / "hub/models--acme--Thing-7B-GGUF/snapshots/2222"
    assert "--embeddings" in found["nomic-embed-text"].argv
    assert [id_ for id_, profile in found.items() if profile.mmproj] == ["vision-4b-q4_0"]


def test_what_was_found_and_left_out_is_reported_and_what_comes_next(
    paddock: Paddock, everything: Path, usual: Path
) -> None:
    made = paddock("init", everything)
    found, left_out, wrote, following = made.out.split("\n\n")
    rows = {line.split()[0]: line for line in found.splitlines()[1:]}
    assert "MoE" in rows["mixture-30b-a3b"]
    assert "dense, projector" in rows["vision-4b-q4_0"]
    assert f"{profiles(usual)['hybrid'].ctx_size:,}" in rows["hybrid"]
    printed = dict(line.strip().split("  ", 1) for line in left_out.splitlines()[1:])
    why = {name: text.strip() for name, text in printed.items()}
    assert why["cut.gguf"] == "is truncated or damaged (download it again)"
    assert why["text.gguf"] == "is not a GGUF file (download it again)"
    assert why["lost-00001-of-00003.gguf"].startswith("missing: lost-00002-of-00003.gguf")
    assert why["loose-00001-of-00003.gguf"].startswith("missing: loose-00001-of-00003.gguf")
    assert why["link.gguf"] == "the same file as hybrid.gguf"
    assert why["mmproj-stranger-f16.gguf"].startswith("a projector, and its name fits no model")
    assert why["draft-dense.gguf"].startswith("a draft model")
    snapshot = "hub/models--acme--Thing-7B-GGUF/snapshots/1111/ggml-model-Q8_0.gguf"
    assert why[snapshot] == "of an older snapshot"
    assert str(usual) in wrote
    commands = ["next:", "  paddock check", "  paddock plan --all", "  paddock start"]
    assert following.splitlines() == commands
    assert made.err.splitlines()[0].startswith("reading headers: ")


def test_the_file_says_all_of_that_as_well_and_the_facts_of_each_model(
    paddock: Paddock, everything: Path, usual: Path
) -> None:
    paddock("init", everything)
    conf = usual.read_text()
    assert "#   model-draft = draft-dense.gguf\n#   spec-type = draft-simple\n" in conf
    assert "#   cut.gguf: is truncated or damaged (download it again)\n" in conf
    comments = " ".join(profiles(usual)["mixture-30b-a3b"].comments)
    assert ": moe #   qwen3moe, MoE (2 of 8 experts), 13.5 M parameters, 4 layers" in comments
    assert "trained with 32,768 tokens of context" in comments
    assert "its template mentions tools, thinking, system" in comments
    assert "Its recurrent state" in " ".join(profiles(usual)["hybrid"].comments)


async def test_every_profile_loads_in_a_real_daemon_and_answers(good: Path, tmp_path: Path) -> None:
    conf = tmp_path / "models.conf"
    write(draft_for(good, output=conf))
    assert profiles(conf).keys() == ANSWERS.keys()
    state = tmp_path / "state"
    paths = Paths(
        config=conf,
        settings=tmp_path / "paddock.toml",
        models_dir=good,
        state_dir=state,
        runtime_dir=state / "run",
    )
    async with yard(paths, max_instances=1) as daemon:
        for model, sentence in ANSWERS.items():
            assert await daemon.answer(model, max_tokens=40) == sentence


# ---- where it is written ----


def test_nothing_is_overwritten_and_force_keeps_what_was_there(
    paddock: Paddock, good: Path, tmp_path: Path
) -> None:
    conf = tmp_path / "mine.conf"
    conf.write_text("[a]\nMODEL = a.gguf\n")
    conf.chmod(0o600)
    refused = paddock("init", good, "--output", conf)
    assert (refused.status, refused.out) == (1, "")
    assert f"{conf} is there already" in refused.err
    assert "--force" in refused.err
    assert conf.read_text() == "[a]\nMODEL = a.gguf\n"
    forced = paddock("init", good, "--output", conf, "--force")
    assert forced.status == 0
    assert "mine.conf.bak" in forced.out
    assert (tmp_path / "mine.conf.bak").read_text() == "[a]\nMODEL = a.gguf\n"
    assert conf.stat().st_mode & 0o777 == 0o600
    assert "[dense-1b-q8_0]" in conf.read_text()


def test_a_second_force_does_not_lose_the_first_backup(good: Path, tmp_path: Path) -> None:
    conf = tmp_path / "models.conf"
    conf.write_text("# the first\n")
    for _ in range(2):
        write(draft_for(good, output=conf, force=True), force=True)
    assert (tmp_path / "models.conf.bak").read_text() == "# the first\n"
    assert "[hybrid]" in (tmp_path / "models.conf.bak2").read_text()
    assert sorted(path.name for path in tmp_path.glob(".*")) == []


def test_a_link_to_the_file_stays_one(good: Path, tmp_path: Path) -> None:
    real, conf = tmp_path / "dotfiles" / "models.conf", tmp_path / "models.conf"
    real.parent.mkdir()
    real.write_text("")
    conf.symlink_to(real)
    write(draft_for(good, output=conf, force=True), force=True)
    assert conf.is_symlink()
    assert "[hybrid]" in real.read_text()


def test_what_was_written_in_the_meantime_is_not_overwritten(good: Path, tmp_path: Path) -> None:
    conf = tmp_path / "models.conf"
    draft = draft_for(good, output=conf)
    conf.write_text("# mine\n")
    with pytest.raises(ConfigError, match="is there already"):
        write(draft)
    conf.unlink()
    (tmp_path / "paddock.toml").write_text("patience = 7\n")
    with pytest.raises(ConfigError, match="in the meantime"):
        write(draft)
    assert (tmp_path / "paddock.toml").read_text() == "patience = 7\n"


def test_where_nothing_can_be_written_that_is_reported(good: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        write(draft_for(good, output=Path("/proc/paddock/models.conf")))


def test_the_folder_becomes_the_models_folder_where_nobody_chose_one(
    paddock: Paddock, good: Path, usual: Path
) -> None:
    made = paddock("init", good)
    settings = usual.with_name("paddock.toml")
    assert f"wrote {settings}: models-dir is {good}" in made.out
    assert load_settings(settings, {}).models_dir == str(good)
    assert "\nMODEL = Dense-1B-Q8_0.gguf\n" in usual.read_text()
    again = paddock("init", good, "--force")
    assert "paddock.toml" not in again.out
    assert "\nMODEL = Dense-1B-Q8_0.gguf\n" in usual.read_text()


def test_settings_that_are_there_are_left_alone_and_paths_are_written_in_full(
    paddock: Paddock, good: Path, usual: Path
) -> None:
    usual.parent.mkdir(parents=True)
    usual.with_name("paddock.toml").write_text("patience = 7\n")
    paddock("init", good)
    assert usual.with_name("paddock.toml").read_text() == "patience = 7\n"
    assert profiles(usual)["hybrid"].model == good / "hybrid.gguf"
    assert f"\nMODEL = {good}/hybrid.gguf\n" in usual.read_text()


def test_beside_its_models_folder_the_file_needs_no_settings(
    paddock: Paddock, good: Path, tmp_path: Path
) -> None:
    (tmp_path / "models").symlink_to(good)
    paddock("init", tmp_path / "models", "--output", tmp_path)
    assert "\nMODEL = hybrid.gguf\n" in (tmp_path / "models.conf").read_text()
    assert not (tmp_path / "paddock.toml").exists()


def test_the_next_commands_name_a_file_that_is_not_the_usual_one(
    paddock: Paddock, good: Path, tmp_path: Path
) -> None:
    conf = tmp_path / "my models.conf"
    made = paddock("init", good, "--output", conf)
    assert made.out.endswith(
        f"  paddock check '{conf}'\n  paddock plan --all --config '{conf}'\n"
        f"  paddock start --config '{conf}'\n"
    )


# ---- what it is asked ----


def test_a_folder_without_models_is_an_error_that_says_what_was_looked_for(
    paddock: Paddock, tmp_path: Path, usual: Path
) -> None:
    (tmp_path / "empty").mkdir()
    refused = paddock("init", tmp_path / "empty")
    assert (refused.status, refused.out) == (1, "")
    assert f"there is no GGUF file in {tmp_path}/empty" in refused.err
    assert "names that end in .gguf" in refused.err
    assert not usual.exists()


def test_a_folder_of_nothing_but_broken_files_says_what_is_wrong_with_each(
    paddock: Paddock, tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "a.gguf").write_text("no")
    write_model(folder / "mtp-b.gguf", say("b"))
    refused = paddock("init", folder)
    assert refused.status == 1
    assert "holds no model that can be served" in refused.err
    assert "    a.gguf: is not a GGUF file (download it again)" in refused.err
    assert "    mtp-b.gguf: a draft model" in refused.err


@pytest.mark.parametrize(
    ("folder", "words"), [("nowhere", "there is no folder"), ("file", "is a file")]
)
def test_what_is_no_folder_is_reported(
    paddock: Paddock, tmp_path: Path, folder: str, words: str
) -> None:
    (tmp_path / "file").write_text("")
    refused = paddock("init", tmp_path / folder)
    assert refused.status == 1
    assert words in refused.err


def test_it_explains_itself(paddock: Paddock) -> None:
    shown = paddock("init", "--help")
    assert "Usage: paddock init" in shown.out
    assert "Example: paddock init ~/models" in shown.out
    assert " init " in paddock("--help").out


def test_json_has_all_of_it(paddock: Paddock, everything: Path, usual: Path) -> None:
    printed = json.loads(paddock("init", everything, "--json").out)
    assert printed["file"] == str(usual)
    assert printed["settings"] == str(usual.with_name("paddock.toml"))
    assert printed["text"] == usual.read_text()
    vision = next(one for one in printed["profiles"] if one["id"] == "vision-4b-q4_0")
    assert vision["mmproj"].endswith("mmproj-Vision-4B-F16.gguf")
    assert vision["ctx_size"] == profiles(usual)["vision-4b-q4_0"].ctx_size
    assert vision["facts"]["architecture"] == "gemma3"
    assert {"path": str(everything / "text.gguf"), "why": "is not a GGUF file (download it again)"} in printed["left_out"]  # fmt: skip


@dataclass
class Watcher:
    """Remembers the steps that it was shown."""

    steps: list[tuple[str, int, int]]

    def show(self, what: str, done: int, of: int) -> None:
        self.steps.append((what, done, of))


def test_a_draft_is_made_without_a_word_and_shows_how_far_it_is(
    good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    watcher = Watcher([])
    draft = draft_for(good, output=tmp_path, progress=watcher)
    assert isinstance(draft, Draft)
    assert draft.output == tmp_path / "models.conf"
    assert [entry.id for entry in draft.found] == sorted(ANSWERS)
    assert not draft.output.exists()
    assert [done for what, done, _ in watcher.steps if what == "reading headers"] == list(
        range(1, 7)
    )
    assert watcher.steps[-1] == ("asking the engine for its devices", 1, 1)
    assert capsys.readouterr() == ("", "")


# ---- the engine ----


def engine_that_prints(log: str, folder: Path) -> Path:
    """An engine that reports two H100 in its fit, as a real one did, and then ends."""
    return wrapper(folder / "llama-server", f"cat '{RECORDED / log}' >&2; exit 0")


def test_the_engine_is_asked_for_the_gpus_it_has(
    paddock: Paddock, good: Path, tmp_path: Path
) -> None:
    engine = engine_that_prints("fit-11434-h100-fits.txt", tmp_path)
    conf = tmp_path / "conf" / "models.conf"
    conf.parent.mkdir()
    (conf.parent / "paddock.toml").write_text(f'engine = "{engine}"\n')
    assert paddock("init", good, "--output", conf).status == 0
    text = conf.read_text()
    assert "#   CUDA0  79.2 GiB: it is unknown whether it drives a display\n" in text
    assert "#   CUDA1  79.2 GiB: it is unknown whether it drives a display\n" in text
    assert "\nFIT_TARGET = 1024\n" in text
    assert {profile.ctx_size for profile in profiles(conf).values()} == {32768}


def test_until_an_engine_was_asked_gpus_are_counted_as_the_drivers_do() -> None:
    gpus = [Gpu(0, "A", id="0000:01:00.0"), Gpu(1, "B"), Gpu(2, "C", id="0000:03:00.0", vendor="amd")]  # fmt: skip
    names = {"0000:01:00.0": "CUDA0", "gpu1": "CUDA1", "0000:03:00.0": "ROCm0"}
    assert engine_names(gpus) == names


def test_without_an_engine_there_is_a_draft_all_the_same(
    paddock: Paddock, good: Path, usual: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PADDOCK_LLAMA_SERVER", str(tmp_path / "nowhere"))
    made = paddock("init", good)
    assert made.status == 0, made.err
    assert "[hybrid]" in usual.read_text()
