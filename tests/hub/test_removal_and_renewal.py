"""Profiles that were pulled: newer files beside the old ones, and a removal that takes nothing from others."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest

from paddock.config.section_edit import with_values, without_section
from paddock.llama.scripted import ScriptedModel, write
from tests.cli.conftest import Paddock, Result, paddock, state_home  # noqa: F401 (fixtures)
from tests.hub.fake_hub import FakeHub, HubFile, digest

REPO = "acme/Parrot-GGUF"
Run = Callable[..., Result]
PULLED: dict[str, Path] = {}  # a home after its pull, by where that was into
TEXT = """\
# The head of the file.

[*]
ctx-size = 512

# Of the first.
[first]
MODEL = a.gguf {}
CTX_SIZE=4096\r
; below

# A heading.

# Of the second.
[second]
model = b.gguf
""".replace(" {}", "   ")


def test_a_section_goes_with_its_comments_and_every_other_byte_stays() -> None:
    assert without_section(TEXT, "first") == TEXT.replace(
        "# Of the first.\n[first]\nMODEL = a.gguf   \nCTX_SIZE=4096\r\n; below\n\n", ""
    )
    assert without_section(TEXT, "second") == TEXT[: TEXT.index("\n# Of the second")]


def test_a_value_changes_in_its_line_alone() -> None:
    changed = with_values(TEXT, "first", {"model": "c.gguf", "ctx_size": "1"})
    assert changed == TEXT.replace("MODEL = a.gguf   ", "MODEL = c.gguf").replace("=4096\r", "=1\r")


# ---- with files ----


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("models")
    return [write(folder / f"{n}.gguf", ScriptedModel(say=f"{n}.", name="parrot")) for n in (1, 2)]


@pytest.fixture
def into(request: pytest.FixtureRequest) -> str:
    """The hub's cache, or the models folder where a test is run for both."""
    return str(getattr(request, "param", "cache"))


both = pytest.mark.parametrize("into", ["models", "cache"], indirect=True)


@pytest.fixture
def run(
    paddock: Paddock,  # noqa: F811
    fake: FakeHub,
    models: list[Path],
    tmp_path: Path,
    into: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    fake.add(REPO, {"Parrot-Q8_0.gguf": models[0]})
    monkeypatch.setenv("HF_ENDPOINT", fake.url)
    (tmp_path / "paddock.toml").write_text(f'pull-into = "{into}"\ndisk-margin = 0\n')

    def call(*args: object) -> Result:
        return paddock(*args, "--config", tmp_path / "models.conf")

    if into in PULLED:  # once is enough: the paths in it are relative
        copytree(PULLED[into], tmp_path, symlinks=True, dirs_exist_ok=True)
    else:
        assert call("pull", REPO, "--yes", "--name", "polly").status == 0
        PULLED[into] = tmp_path_factory.mktemp(into)
        copytree(tmp_path, PULLED[into], symlinks=True, dirs_exist_ok=True)
    return call


def newer(fake: FakeHub, file: Path) -> None:
    repo = fake.repositories[REPO]
    repo.earlier[repo.commit] = repo.files
    repo.commit, repo.files = "b" * 40, {"Parrot-Q8_0.gguf": HubFile(file)}


def model_of(conf: Path) -> Path:
    [line] = [line for line in conf.read_text().splitlines() if line.startswith("MODEL = ")]
    named = Path(line.removeprefix("MODEL = "))
    return next(p for p in (conf.parent / "models" / named, conf.parent / named) if p.exists())


@both
def test_newer_files_come_beside_the_old_ones_and_the_profile_names_them(
    run: Run, fake: FakeHub, models: list[Path], tmp_path: Path
) -> None:
    conf = tmp_path / "models.conf"
    assert json.loads(run("pull", "--check", "--json").out)["profiles"][0]["state"] == "current"
    old = model_of(conf)
    newer(fake, models[1])
    checked = run("pull", "--check", "polly")
    assert "newer" in checked.out
    updated = run("pull", "--update")
    assert updated.status == 0, updated.err
    assert digest(model_of(conf)) == digest(models[1])
    assert digest(old) == digest(models[0])
    assert f"@{'b' * 40}/Parrot-Q8_0.gguf sha256:{digest(models[1])}" in conf.read_text()
    assert json.loads(run("pull", "--check", "--json").out)["profiles"][0]["state"] == "current"
    assert run("check").status == 0


@pytest.mark.parametrize("into", ["models", "cache"], indirect=True)
def test_a_profile_that_names_a_repository_is_checked_and_updated(
    run: Run, fake: FakeHub, models: list[Path], tmp_path: Path
) -> None:
    """By what lies in the cache or in the models folder; its lines become the newer file's, and all others stay."""
    conf = tmp_path / "models.conf"
    conf.write_text(f"[polly]\n# mine\nhf-repo = {REPO}:Q8_0\nctx-size = 512\n")

    def state(name: str = "polly") -> str:
        found = json.loads(run("pull", "--check", name, "--json").out)["profiles"]
        return str(found[0]["state"])

    assert state() == "current"
    newer(fake, models[1])
    assert state() == "newer"
    updated = run("pull", "--update", "polly")
    assert updated.status == 0, updated.err
    text = conf.read_text()
    assert "hf-repo" not in text
    assert "# mine" in text
    assert "ctx-size = 512" in text
    assert f"@{'b' * 40}/Parrot-Q8_0.gguf sha256:{digest(models[1])}" in text
    assert digest(model_of(conf)) == digest(models[1])
    assert state() == "current"
    conf.write_text(f"{text}\n[later]\nhf-repo = acme/Elsewhere-GGUF\n")
    assert state("later") == "unknown", "nothing of it is here"


def test_offline_a_profile_is_made_of_what_the_cache_has(
    run: Run, fake: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever pulls go otherwise; of what is not there it says that it cannot ask."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    conf, asked = tmp_path / "models.conf", len(fake.seen)
    before = conf.read_text()
    conf.write_text("# head\n")
    (tmp_path / "paddock.toml").write_text('pull-into = "models"\ndisk-margin = 0\n')
    done = run("pull", f"{REPO}:Q8_0", "--yes", "--name", "polly")
    assert done.status == 0, done.err
    assert [line for line in conf.read_text().splitlines() if line.startswith("source")] == [
        line for line in before.splitlines() if line.startswith("source")
    ]
    assert run("check").status == 0
    assert "HF_HUB_OFFLINE" in run("pull", "acme/Other-GGUF", "--yes").err
    assert len(fake.seen) == asked


def test_what_is_gone_and_what_cannot_be_asked_is_said(
    run: Run, fake: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def state() -> str:
        return str(json.loads(run("pull", "--check", "--json").out)["profiles"][0]["state"])

    fake.repositories[REPO].files = {
        "Other-Q8_0.gguf": fake.repositories[REPO].files["Parrot-Q8_0.gguf"]
    }
    assert state() == "gone"
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert state() == "unknown"


@both
def test_a_removal_with_files_frees_what_it_says(
    run: Run, tmp_path: Path, models: list[Path]
) -> None:
    conf = tmp_path / "models.conf"
    file = model_of(conf)
    dry = json.loads(run("remove", "polly", "--files", "--dry-run", "--json").out)
    assert (dry["written"], file.exists()) == (False, True)
    gone = json.loads(run("remove", "polly", "--files", "--yes", "--json").out)
    assert gone["frees"] == dry["frees"] > 0
    assert "[polly]" not in conf.read_text()
    left = [path for path in (tmp_path / "models", tmp_path / "hf") for path in path.rglob("*")]
    assert not [path for path in left if path.is_file() and path.stat().st_size > 1000]


def test_a_removal_without_files_leaves_them(run: Run, tmp_path: Path) -> None:
    file = model_of(tmp_path / "models.conf")
    assert "--files would free" in run("remove", "polly", "--yes").out
    assert file.exists()


@both
def test_a_file_stays_that_another_profile_names_by_another_path(run: Run, tmp_path: Path) -> None:
    conf = tmp_path / "models.conf"
    file = model_of(conf)
    (tmp_path / "by-another-name.gguf").symlink_to(file)
    conf.write_text(conf.read_text() + "\n[other]\nMODEL = by-another-name.gguf\n")
    removed = run("remove", "polly", "--files", "--yes")
    assert "[other] uses it" in removed.out
    assert file.exists()


def test_a_file_stays_that_a_program_has_open(run: Run, tmp_path: Path) -> None:
    file = model_of(tmp_path / "models.conf")
    descriptor = os.open(file, os.O_RDONLY)
    try:
        done = run("remove", "polly", "--files", "--yes")
        assert "has it open" in done.out
        assert "`paddock unload polly` first" in done.out
    finally:
        os.close(descriptor)
    assert file.exists()


def test_a_file_elsewhere_stays(run: Run, tmp_path: Path, models: list[Path]) -> None:
    conf = tmp_path / "models.conf"
    conf.write_text(f"[mine]\nMODEL = {models[0]}\n")
    assert "neither in the models folder" in run("remove", "mine", "--files", "--yes").out
    assert models[0].exists()


def test_the_content_stays_while_another_revision_has_it(
    run: Run, tmp_path: Path, into: str
) -> None:
    file = model_of(tmp_path / "models.conf")
    content = file.resolve()
    other = file.parent.with_name("d" * 40) / file.name
    other.parent.mkdir()
    other.symlink_to(content)
    assert json.loads(run("remove", "polly", "--files", "--yes", "--json").out)["frees"] == 0
    assert content.exists()
    assert not file.exists()


def test_a_profile_with_variants_stays(run: Run, tmp_path: Path) -> None:
    conf = tmp_path / "models.conf"
    conf.write_text(conf.read_text() + "\n[cold]\nvariant-of = polly\ntemp = 0\n")
    refused = run("remove", "polly", "--yes")
    assert refused.status == 1
    assert "cold" in refused.err
    assert run("remove", "cold", "--yes").status == 0
    assert "[polly]" in conf.read_text()


@both
def test_what_came_of_an_unfinished_download_can_be_forgotten(
    run: Run, fake: FakeHub, models: list[Path], tmp_path: Path
) -> None:
    newer(fake, models[1])
    fake.faults.statuses = [404]
    place = tmp_path / "models" / REPO / f".{digest(models[1])[:16]}.Parrot-Q8_0.gguf.incomplete"
    blob = (
        tmp_path
        / "hf/hub/models--acme--Parrot-GGUF/blobs"
        / f"{digest(models[1])}.paddock.incomplete"
    )
    partial = place if (tmp_path / "models").exists() else blob
    partial.write_bytes(b"x" * 100_000)
    assert "freed" in run("pull", REPO, "--forget").out
    assert not partial.exists()
