"""What the library really asks of a hub, recorded here, and what we ask through it."""

from pathlib import Path

import huggingface_hub
import pytest

from tests.hub.fake_hub import COMMIT, FakeHub
from tests.hub.stage import Stage


def requests(fake: FakeHub) -> list[tuple[str, str, str]]:
    return [(one.method, one.path.split("?")[0], one.range) for one in fake.seen]


def test_the_fake_is_asked_as_the_library_itself_asks(
    fake: FakeHub, stage: Stage, tmp_path: Path, weights: Path
) -> None:
    """Of huggingface_hub 2.4.0: if this fails, it speaks otherwise now, and the fake must follow."""
    got = huggingface_hub.hf_hub_download(
        "acme/Parrot-GGUF", "Parrot-Q4_K_M.gguf", cache_dir=tmp_path / "c", endpoint=fake.url
    )
    assert Path(got).read_bytes() == weights.read_bytes()
    files = [one for one in requests(fake) if "Parrot-Q4" in one[1]]
    assert files == [
        ("HEAD", "/acme/Parrot-GGUF/resolve/main/Parrot-Q4_K_M.gguf", ""),
        ("GET", "/content/acme/Parrot-GGUF/main/Parrot-Q4_K_M.gguf", ""),
    ]


def test_a_pull_asks_for_the_list_once_and_for_a_file_by_its_commit(stage: Stage) -> None:
    stage.pulled()
    file = f"/acme/Parrot-GGUF/resolve/{COMMIT}/Parrot-Q4_K_M.gguf"
    assert requests(stage.fake) == [
        ("GET", "/api/models/acme/Parrot-GGUF/revision/main", ""),
        ("HEAD", file, ""),
        ("GET", file, ""),
        ("GET", f"/content/acme/Parrot-GGUF/{COMMIT}/Parrot-Q4_K_M.gguf", ""),
    ]


def test_the_token_goes_to_the_hub_and_not_to_its_store(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    stage.fake.faults.token = "hf_secret"
    stage.fake.repositories["acme/Parrot-GGUF"].is_private = True
    stage.pulled()
    with_token = {
        one.path.split("/")[1] for one in stage.fake.seen if "authorization" in one.headers
    }
    assert with_token == {"api", "acme"}
    assert stage.fake.asked("GET", "/content/")


def test_a_pull_into_the_cache_lies_there_as_the_library_itself_would_have_it(
    stage: Stage, fake: FakeHub
) -> None:
    stage.into = "cache"
    [path] = stage.pulled()
    found = huggingface_hub.try_to_load_from_cache(
        "acme/Parrot-GGUF", "Parrot-Q4_K_M.gguf", cache_dir=stage.top
    )
    assert found == str(path)
    [repo] = huggingface_hub.scan_cache_dir(stage.top).repos
    assert [revision.refs for revision in repo.revisions] == [frozenset({"main"})]
    assert not stage.leftovers()
