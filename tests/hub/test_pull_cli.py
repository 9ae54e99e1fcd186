"""`paddock pull` as a user runs it: against the tests' hub, with real models and this machine's engine."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from gguf import GGUFWriter

from paddock.llama.scripted import ScriptedModel, write
from tests.cli.conftest import Paddock, Result, paddock, state_home  # noqa: F401 (fixtures)
from tests.hub.fake_hub import FakeHub, digest

REPO = "acme/Parrot-GGUF"
Pull = Callable[..., Result]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    small = ScriptedModel(say="Pieces of eight.", name="parrot", ftype="q4_0")
    return {
        "Parrot-Q4_0.gguf": write(folder / "Parrot-Q4_0.gguf", small),
        "Parrot-Q8_0.gguf": write(folder / "Parrot-Q8_0.gguf", ScriptedModel(say="Hi.", name="parrot")),
        "mmproj-F16.gguf": projector(folder / "mmproj-F16.gguf"),
    }  # fmt: skip


def projector(path: Path) -> Path:
    writer = GGUFWriter(path, "clip")
    writer.add_type("mmproj")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "paddock.toml").write_text("disk-margin = 0\n")
    return tmp_path


@pytest.fixture
def pull(
    paddock: Paddock,  # noqa: F811
    fake: FakeHub,
    files: dict[str, Path],
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Pull:
    fake.add(REPO, files)
    monkeypatch.setenv("HF_ENDPOINT", fake.url)

    def call(*args: object) -> Result:
        return paddock("pull", *args, "--config", home / "models.conf")

    return call


def test_the_plan_is_shown_and_no_weights_are_fetched(
    pull: Pull, home: Path, fake: FakeHub
) -> None:
    shown = pull(REPO, "--dry-run")
    assert shown.status == 0
    assert "→  Q8_0" in shown.out
    assert "dense" in shown.out
    assert "to fetch: " in shown.out
    assert "no daemon answers" in shown.out
    assert not (home / "models.conf").exists()
    assert not list((home / "hf").rglob("*.gguf"))


def test_it_is_fetched_and_its_profile_is_written_with_its_source(
    pull: Pull, home: Path, files: dict[str, Path]
) -> None:
    done = pull(f"{REPO}:Q4_0", "--yes")
    assert done.status == 0, done.err
    text = (home / "models.conf").read_text()
    [model] = [
        line.removeprefix("MODEL = ") for line in text.splitlines() if line.startswith("MODEL")
    ]
    assert digest(home / model) == digest(files["Parrot-Q4_0.gguf"])
    assert (
        f"source = hf:{REPO}@{'a' * 40}/Parrot-Q4_0.gguf sha256:{digest(files['Parrot-Q4_0.gguf'])}"
        in text
    )
    assert "MMPROJ = " in text
    again = pull(f"{REPO}:Q4_0", "--yes")
    assert "is made of them" in again.out
    assert (home / "models.conf").read_text() == text


def test_into_the_models_folder_where_the_setting_says_so(pull: Pull, home: Path) -> None:
    (home / "paddock.toml").write_text('pull-into = "models"\ndisk-margin = 0\n')
    (home / "models.conf").write_text("# mine\n")
    done = pull(f"{REPO}:Q4_0", "--yes", "--name", "polly", "--json")
    assert json.loads(done.out)["profile"] == "polly"
    text = (home / "models.conf").read_text()
    assert text.startswith("# mine\n\n[polly]\n")
    assert f"MODEL = {REPO}/Parrot-Q4_0.gguf" in text
    assert sorted(path.name for path in (home / "models" / REPO).iterdir()) == ["Parrot-Q4_0.gguf", "mmproj-F16.gguf"]  # fmt: skip


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((f"{REPO}:Q5_K_M", "--dry-run"), "it has Q4_0, Q8_0"),
        (("parrot", "--dry-run"), "OWNER/REPO:QUANT"),
        (("acme/none", "--dry-run"), "hf auth login"),
        ((REPO, "--json"), "--yes or --dry-run"),
        ((REPO,), "--yes fetches it"),
        ((REPO, "--rate", "fast"), "20M"),
        (("https://other.example/a/b", "--dry-run"), "hub-hosts"),
    ],
)
def test_an_error_says_what_to_write(pull: Pull, args: tuple[str, ...], words: str) -> None:
    failed = pull(*args)
    assert failed.status == 1
    assert words in failed.err


def test_without_the_library_it_says_how_to_install_it(
    pull: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("paddock.hub.extra.find_spec", lambda _: None)
    failed = pull(REPO, "--dry-run")
    assert failed.status == 1
    assert "pip install 'paddock-llm[hub]'" in failed.err


def test_events_are_lines_for_a_daemon_and_the_last_says_how_it_ended(pull: Pull) -> None:
    done = pull(f"{REPO}:Q4_0", "--events")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert lines[0]["event"] == "plan"
    assert lines[-1]["event"] == "done"
    assert {line["event"] for line in lines} == {"plan", "progress", "done"}
    failed = pull(f"{REPO}:Q9", "--events")
    assert json.loads(failed.out.splitlines()[-1])["code"] == "hub_not_found"


def test_nothing_heavy_is_imported_by_other_verbs() -> None:
    """The library takes 0.2 s and 30 MiB."""
    import subprocess
    import sys

    code = "import sys, paddock.cli.main; print('huggingface_hub' in sys.modules, 'httpx2' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ
    )
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.parametrize("engine", ["embedded", None])
def test_a_profile_that_names_a_repository_gets_its_files(
    pull: Pull, home: Path, engine: str | None
) -> None:
    """Also where its engine can download nothing, and models.conf is wrong for that."""
    (home / "models.conf").write_text(
        f"# head\n[*]\nctx-size = 512\n\n[polly]\n# mine\nhf-repo = {REPO}:Q4_0\ntemp = 0\n\n[next]\nhf = a/b\n"
    )
    done = pull("polly", "--yes", *(("--engine", engine) if engine else ()))
    assert done.status == 0, done.err
    text = (home / "models.conf").read_text()
    assert text.startswith("# head\n[*]\nctx-size = 512\n\n[polly]\n# mine\nMODEL = ")
    assert f"\nsource = hf:{REPO}@" in text
    assert text.endswith("\ntemp = 0\n\n[next]\nhf = a/b\n")
    assert "hf-repo" not in text
