"""A header is read by ranges: right, bounded, and never by the weights; whatever a stranger wrote into it."""

import random
from pathlib import Path

import pytest

from paddock.errors import PaddockError
from paddock.hub import headers
from paddock.hub.headers import RemoteHeaders
from paddock.hub.proposal import scaled
from paddock.llama.facts import read
from paddock.llama.gguf import Facts, GgufError
from paddock.llama.scripted import ScriptedModel, write, write_split
from tests.hub.fake_hub import FakeHub
from tests.hub.stage import Stage

PATHS = ("shards", "size_bytes")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write(
        folder / "P-Q8_0.gguf", ScriptedModel(say="Hi.", name="parrot", vocab=3000, target_mib=12)
    )
    write(folder / "P-F16.gguf", ScriptedModel(say="Hi.", name="parrot", vocab=3000, ftype="f16"))
    write_split(folder / "S-Q8_0", ScriptedModel(say="Hi.", name="split"), shards=3)
    return folder


def remote(stage: Stage, tmp_path: Path) -> RemoteHeaders:
    repository = stage.repository()
    return RemoteHeaders(stage.hub(), repository.name, repository.commit, tmp_path / "headers")


def facts_of(stage: Stage, tmp_path: Path) -> Facts:
    return remote(stage, tmp_path).facts(stage.repository().offers[0])


@pytest.mark.parametrize("steps", [(1000, 20_000, 8 << 20), (100_000, 200_000)])
def test_the_facts_are_those_of_the_whole_file_whatever_comes_first(
    stage: Stage,
    models: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    steps: tuple[int, ...],
) -> None:
    monkeypatch.setattr(headers, "_STEPS", steps)
    file = models / "P-Q8_0.gguf"
    stage.fake.add("acme/Parrot-GGUF", {"P-Q8_0.gguf": file})
    found = facts_of(stage, tmp_path)
    whole = read(file, cache_dir=tmp_path / "cache")
    assert [getattr(found, f) for f in found.__struct_fields__ if f not in PATHS] == [
        getattr(whole, f) for f in found.__struct_fields__ if f not in PATHS
    ]
    assert found.size_bytes == file.stat().st_size


def test_each_shard_gives_its_own_beginning_and_the_disk_holds_no_more(
    stage: Stage, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(headers, "_STEPS", (16_384,))
    monkeypatch.setattr(headers, "_FURTHER", (4_096,))
    paths = sorted(models.glob("S-*"))
    stage.fake.add("acme/Parrot-GGUF", {path.name: path for path in paths})
    found = facts_of(stage, tmp_path)
    whole = read(paths[0], cache_dir=tmp_path / "cache")
    assert (found.n_params, found.layer_bytes) == (whole.n_params, whole.layer_bytes)
    here = [path for path in (tmp_path / "headers").rglob("S-*") if path.is_file()]
    assert sorted(path.stat().st_size for path in here) == sorted(p.stat().st_size for p in paths)
    assert sum(path.stat().st_blocks * 512 for path in here) <= 16_384 + 2 * 4_096 + 3 * 4_096
    assert {one.range for one in stage.fake.asked("GET", "/content/")} == {
        "bytes=0-16383",
        "bytes=0-4095",
    }


def test_what_was_read_is_not_asked_for_again(stage: Stage, models: Path, tmp_path: Path) -> None:
    stage.fake.add("acme/Parrot-GGUF", {"P-Q8_0.gguf": models / "P-Q8_0.gguf"})
    facts_of(stage, tmp_path)
    asked = len(stage.fake.asked("GET", "/content/"))
    facts_of(stage, tmp_path)
    assert len(stage.fake.asked("GET", "/content/")) == asked


def test_a_hub_that_ignores_ranges_is_not_read_to_its_end(
    fake: FakeHub, stage: Stage, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(headers, "_STEPS", (400_000,))
    fake.faults.ignores_range = True
    fake.faults.piece, fake.faults.pause = 100_000, 0.01
    fake.add("acme/Parrot-GGUF", {"P-Q8_0.gguf": models / "P-Q8_0.gguf"})
    assert facts_of(stage, tmp_path).name == "parrot"
    assert fake.sent["P-Q8_0.gguf"] < models.joinpath("P-Q8_0.gguf").stat().st_size


def test_a_header_that_does_not_end_is_given_up(
    stage: Stage, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(headers, "_STEPS", (1000, 2000))
    stage.fake.add("acme/Parrot-GGUF", {"P-Q8_0.gguf": models / "P-Q8_0.gguf"})
    with pytest.raises(GgufError, match="header of more than"):
        facts_of(stage, tmp_path)


@pytest.mark.parametrize("seed", range(2))
def test_any_bytes_are_facts_or_an_error_of_ours(
    stage: Stage, models: Path, tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    body = bytearray((models / "P-Q8_0.gguf").read_bytes()[:200_000])
    for _ in range(40):
        body[dice.randrange(4, 2000)] = dice.randrange(256)
    strange = tmp_path / "strange.gguf"
    strange.write_bytes(body)
    stage.fake.add("acme/Parrot-GGUF", {"P-Q8_0.gguf": strange})
    try:
        facts_of(stage, tmp_path)
    except PaddockError:
        return


def test_a_neighbour_is_reckoned_by_its_size(stage: Stage, models: Path, tmp_path: Path) -> None:
    """The estimate of F16 from Q8_0 is near the truth, as all tensors grow alike."""
    stage.fake.add("acme/Parrot-GGUF", {"P-F16.gguf": models / "P-F16.gguf"})
    offer = stage.repository().offers[0]
    true = remote(stage, tmp_path).facts(offer)
    half = scaled(true, offer)
    assert half.layer_bytes == true.layer_bytes
    assert half.size_bytes == offer.size
