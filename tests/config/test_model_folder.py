"""What is found in folders of every layout, and what belongs to what. Only names matter here."""

import os
from pathlib import Path

import pytest

from paddock.config.model_folder import Contents, look_into
from paddock.config.model_kinds import Sorted, sort_out
from paddock.config.model_names import name_of, profile_id, unique
from paddock.config.model_places import Places
from paddock.config.settings import Paths
from paddock.llama.gguf import Facts, GgufError

# ---- names ----


@pytest.mark.parametrize(
    ("file", "model", "quantisation"),
    [
        ("Qwen3-4B-Q4_K_M.gguf", "Qwen3-4B", "Q4_K_M"),
        ("Qwen3-4B-UD-Q4_K_XL.gguf", "Qwen3-4B", "UD-Q4_K_XL"),
        ("mistral-7b-v0.2.IQ2_XXS.GGUF", "mistral-7b-v0.2", "IQ2_XXS"),
        ("gpt-oss-120b-mxfp4-00001-of-00003.gguf", "gpt-oss-120b", "mxfp4"),
        ("gemma_3_4b_bf16.gguf", "gemma_3_4b", "bf16"),
        ("bge-m3.gguf", "bge-m3", ""),
        ("Q8_0.gguf", "", "Q8_0"),
        ("Phi-4-mini-4bit.gguf", "Phi-4-mini", "4bit"),
    ],
)
def test_a_name_is_a_model_and_its_quantisation(file: str, model: str, quantisation: str):
    assert name_of(file) == (model, quantisation)


@pytest.mark.parametrize(
    ("file", "repository", "expected"),
    [
        ("Qwen3-4B-Q4_K_M.gguf", "Qwen3-4B-GGUF", "qwen3-4b-q4_k_m"),
        ("Big-Q8_0-00001-of-00002.gguf", "", "big-q8_0"),
        ("ggml-model-f16.gguf", "Chinese-Alpaca-GGUF", "chinese-alpaca-f16"),
        ("Q8_0.gguf", "Thing-7B-gguf", "thing-7b-q8_0"),
        ("model.gguf", "Thing-7B-Q4_0", "thing-7b-q4_0"),
        ("model.gguf", "", "model"),
        ("Mein Modell (neu)!.gguf", "", "mein-modell-neu"),
        ("bench-press-7b.gguf", "", "press-7b"),
        ("[x].gguf", "", "x"),
        ("+++.gguf", "", "model"),
    ],
)
def test_an_id_is_the_files_name_or_where_that_is_silent_the_repositorys(
    file: str, repository: str, expected: str
):
    assert profile_id(file, repository) == expected


def test_ids_are_unique_with_the_owner_first_and_numbers_last():
    assert unique([("a", ""), ("b", "x"), ("b", "y"), ("b", "y"), ("a", "")]) == [
        "a", "x-b", "y-b", "y-b-2", "a-2"
    ]  # fmt: skip


# ---- folders ----


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def names(found: Contents, top: Path) -> list[str]:
    return [str(file.path.relative_to(top)) for file in found.files]


def left(found: Contents | Sorted, top: Path) -> dict[str, str]:
    return {str(one.path.relative_to(top)): one.why for one in found.left_out}


def test_shards_are_one_model_also_where_the_first_is_missing(tmp_path: Path):
    touch(*(tmp_path / f"a-{i:05}-of-00003.gguf" for i in (1, 2, 3)))
    touch(*(tmp_path / f"b-{i:05}-of-00003.gguf" for i in (2, 3)))
    touch(tmp_path / "C.GGUF", tmp_path / "notes.txt", tmp_path / ".hidden.gguf")
    touch(tmp_path / ".cache" / "d.gguf")
    found = look_into(tmp_path)
    firsts = ["C.GGUF", "a-00001-of-00003.gguf", "b-00001-of-00003.gguf"]
    assert names(found, tmp_path) == firsts
    assert found.left_out == []


def test_links_are_followed_each_file_counts_once_and_circles_end(tmp_path: Path):
    here, elsewhere = tmp_path / "models", tmp_path / "elsewhere"
    touch(here / "zebra.gguf", elsewhere / "far.gguf")
    (here / "abc.gguf").symlink_to("zebra.gguf")
    (here / "circle").symlink_to(here)
    (here / "other").symlink_to(elsewhere)
    (here / "same").symlink_to(elsewhere)
    (here / "lost.gguf").symlink_to("/nowhere/at/all.gguf")
    found = look_into(here)
    assert names(found, here) == ["zebra.gguf", "other/far.gguf"]
    assert left(found, here) == {
        "lost.gguf": "a broken link",
        "abc.gguf": "the same file as zebra.gguf",
    }


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_reported(tmp_path: Path):
    touch(tmp_path / "shut" / "a.gguf")
    (tmp_path / "shut").chmod(0)
    try:
        assert left(look_into(tmp_path), tmp_path) == {"shut": "cannot be read: Permission denied"}
    finally:
        (tmp_path / "shut").chmod(0o700)


def test_names_that_no_line_can_hold_are_left_out(tmp_path: Path):
    touch(tmp_path / "new\nline.gguf", tmp_path / " space.gguf", tmp_path / "a # b ; c.gguf")
    touch(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.gguf")))
    found = look_into(tmp_path)
    assert names(found, tmp_path) == ["a # b ; c.gguf"]
    assert [one.why.rpartition(": ")[2] for one in found.left_out] == ["rename it"] * 3


def test_lm_studios_folders_tell_publisher_and_model(tmp_path: Path):
    touch(tmp_path / "bartowski" / "Qwen3-4B-GGUF" / "Qwen3-4B-Q4_K_M.gguf")
    (file,) = look_into(tmp_path).files
    assert (file.owner, file.repository) == ("bartowski", "Qwen3-4B-GGUF")
    assert file.home == file.path.parent


def cached(folder: Path, revision: str, file: str, content: str) -> Path:
    """As huggingface_hub lays it down: a blob by its hash, and a link by its name."""
    blob = folder / "blobs" / content
    touch(blob)
    link = folder / "snapshots" / revision / file
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(os.path.relpath(blob, link.parent))
    return link


def test_of_hugging_faces_cache_the_newest_snapshot_that_has_a_file_counts(tmp_path: Path):
    repository = tmp_path / "hub" / "models--acme--Thing-7B-GGUF"
    cached(repository, "old", "model-Q8_0.gguf", "one")
    only_old = cached(repository, "old", "other-Q4_0.gguf", "two")
    newest = cached(repository, "new", "model-Q8_0.gguf", "three")
    touch(repository / "refs" / "main")
    (repository / "refs" / "main").write_text("new\n")
    os.utime(repository / "snapshots" / "new", (1, 1))  # the copy of a cache may have any time
    found = look_into(tmp_path)
    assert [file.path for file in found.files] == [newest, only_old]
    where = {(file.owner, file.repository, file.home) for file in found.files}
    assert where == {("acme", "Thing-7B-GGUF", repository)}
    old = "hub/models--acme--Thing-7B-GGUF/snapshots/old/model-Q8_0.gguf"
    assert left(found, tmp_path) == {old: "of an older snapshot"}


def test_without_a_ref_the_snapshot_that_changed_last_counts_but_a_whole_model_first(
    tmp_path: Path,
):
    repository = tmp_path / "models--gpt2"
    for revision, when in (("a", 100), ("b", 200)):
        cached(repository, revision, "x.gguf", revision)
        os.utime(repository / "snapshots" / revision, (when, when))
    shards = [cached(repository, "a", f"s-0000{i}-of-00002.gguf", f"s{i}") for i in (1, 2)]
    cached(repository, "b", "s-00001-of-00002.gguf", "s3")  # still being downloaded
    for revision, when in (("a", 100), ("b", 200)):
        os.utime(repository / "snapshots" / revision, (when, when))
    paths = [file.path for file in look_into(repository).files]
    assert paths == [shards[0], repository / "snapshots" / "b" / "x.gguf"]


def test_a_file_that_did_not_change_between_snapshots_is_not_worth_a_word(tmp_path: Path):
    for revision in ("a", "b"):
        cached(tmp_path / "models--x--y", revision, "m.gguf", "same")
    found = look_into(tmp_path)
    assert len(found.files) == 1
    assert found.left_out == []


# ---- what belongs to what ----


def facts(architecture: str = "llama", **rest: object) -> Facts:
    known = {"n_layers": 4, "kv_layers": 4, "n_params": 1000, "size_bytes": 1000, "shards": ("m",)}
    return Facts(architecture=architecture, **{**known, **rest})  # type: ignore[arg-type]


def projector(file_type: str = "MOSTLY_F16", **rest: object) -> Facts:
    return facts("clip", kind="projector", file_type=file_type, **rest)


def sorted_of(top: Path, files: dict[str, Facts | GgufError]) -> Sorted:
    """As if these files had said so."""
    touch(*(top / name for name in files))
    found = look_into(top).files
    return sort_out([(file, files[str(file.path.relative_to(top))]) for file in found])


def joined(found: Sorted) -> dict[str, str | None]:
    return {m.file.name: m.projector.name if m.projector else None for m in found.models}


def test_a_repositorys_projector_is_for_all_of_its_models_and_the_exact_half_is_best(
    tmp_path: Path,
):
    found = sorted_of(
        tmp_path,
        {
            "pub/Gemma-GGUF/gemma-3-4b-Q4.gguf": facts("gemma3"),
            "pub/Gemma-GGUF/gemma-3-4b-Q8.gguf": facts("gemma3"),
            "pub/Gemma-GGUF/mmproj-a-F32.gguf": projector("ALL_F32"),
            "pub/Gemma-GGUF/mmproj-b.gguf": projector("MOSTLY_BF16"),
            "pub/Gemma-GGUF/mmproj-c.gguf": projector("MOSTLY_Q8_0"),
            "pub/Text-GGUF/text-Q4.gguf": facts(),
        },
    )
    assert joined(found) == {
        "gemma-3-4b-Q4.gguf": "mmproj-b.gguf",
        "gemma-3-4b-Q8.gguf": "mmproj-b.gguf",
        "text-Q4.gguf": None,
    }
    assert {one.why for one in found.left_out} == {
        "a projector; a better one of the same model is used"
    }
    assert len(found.left_out) == 2


def test_in_one_folder_for_all_names_tell_whose_a_projector_is(tmp_path: Path):
    found = sorted_of(
        tmp_path,
        {
            "gemma-3-12b-it-Q4_0.gguf": facts("gemma3"),
            "gemma-3-27b-it-Q4_0.gguf": facts("gemma3"),
            "qwen3-4b-Q8_0.gguf": facts("qwen3", name="Qwen3 4B"),
            "pixtral-Q4_0.gguf": facts(name="Pixtral 12B"),
            "mmproj-gemma-3-12b-it-f16.gguf": projector(),
            "mmproj-by-its-title.gguf": projector(name="pixtral-12b"),
            "mmproj-gemma-3.gguf": projector(),
            "mmproj-F16.gguf": projector(),
        },
    )
    assert joined(found) == {
        "gemma-3-12b-it-Q4_0.gguf": "mmproj-gemma-3-12b-it-f16.gguf",
        "gemma-3-27b-it-Q4_0.gguf": None,
        "qwen3-4b-Q8_0.gguf": None,
        "pixtral-Q4_0.gguf": "mmproj-by-its-title.gguf",
    }
    where = left(found, tmp_path)
    assert set(where) == {"mmproj-F16.gguf", "mmproj-gemma-3.gguf"}
    assert all("write MMPROJ" in why for why in where.values())


def test_a_projector_without_a_name_belongs_to_the_only_model_beside_it(tmp_path: Path):
    found = sorted_of(tmp_path, {"gemma.gguf": facts(), "mmproj-F16.gguf": projector()})
    assert joined(found) == {"gemma.gguf": "mmproj-F16.gguf"}
    stranger = sorted_of(tmp_path / "b", {"qwen.gguf": facts(), "mmproj-gemma.gguf": projector()})
    assert joined(stranger) == {"qwen.gguf": None}


def test_a_quantisations_own_folder_belongs_to_the_one_above(tmp_path: Path):
    shards = {f"GLM/Q4_K_M/GLM-Q4_K_M-0000{i}-of-00002.gguf": facts() for i in (1, 2)}
    found = sorted_of(tmp_path, {**shards, "GLM/mmproj-F16.gguf": projector()})
    assert joined(found) == {"GLM-Q4_K_M-00001-of-00002.gguf": "mmproj-F16.gguf"}


def test_what_embeds_or_reranks_is_known_by_architecture_and_name(tmp_path: Path):
    found = sorted_of(
        tmp_path,
        {
            "minilm.gguf": facts("bert"),
            "bge-reranker-v2-m3.gguf": facts("bert"),
            "qwen3-embedding.gguf": facts("qwen3"),
            "embedded-coder.gguf": facts("qwen3"),
            "plain.gguf": facts("qwen3", name="Qwen3 Reranker"),
        },
    )
    assert {model.file.name: model.use for model in found.models} == {
        "minilm.gguf": "embeddings",
        "bge-reranker-v2-m3.gguf": "reranking",
        "qwen3-embedding.gguf": "embeddings",
        "embedded-coder.gguf": "chat",
        "plain.gguf": "reranking",
    }


def test_drafts_are_set_apart_and_what_is_no_model_is_left_out_with_its_use(tmp_path: Path):
    found = sorted_of(
        tmp_path,
        {
            "mtp-qwen.gguf": facts(),
            "draft-0-5b.gguf": facts(),
            "Coder-DRAFT-1b.gguf": facts(),
            "spec.gguf": facts("eagle3"),
            "undrafted.gguf": facts(),
            "lora.gguf": facts(kind="adapter"),
            "imatrix.gguf": facts(kind="imatrix"),
            "future.gguf": facts(kind="of the future"),
            "flux.gguf": facts("flux", n_layers=0),
            "vocab.gguf": facts(n_params=0),
        },
    )
    assert [model.file.name for model in found.models] == ["undrafted.gguf"]
    assert len(found.drafts) == 4
    words = {name: why.partition(":")[0] for name, why in left(found, tmp_path).items()}
    assert words == {
        "lora.gguf": "a LoRA adapter",
        "imatrix.gguf": "it is for quantising; llama-server has no use for it",
        "future.gguf": "of the kind 'of the future', which is no model",
        "flux.gguf": "no language model (architecture 'flux')",
        "vocab.gguf": "it holds no weights",
    }


def test_what_is_wrong_with_a_file_is_reported_without_its_folders(tmp_path: Path):
    path = tmp_path / "x.gguf"
    error = GgufError(f"{path} is not a GGUF file", hint="download it again")
    found = sorted_of(tmp_path, {"x.gguf": error})
    assert left(found, tmp_path) == {"x.gguf": "is not a GGUF file (download it again)"}


# ---- how models.conf names them ----


def places(folder: Path, *, config: Path, models_dir: Path) -> Places:
    run = config.parent
    settings = config.with_name("paddock.toml")
    paths = Paths(
        config=config, settings=settings, models_dir=models_dir, state_dir=run, runtime_dir=run
    )
    return Places.of(folder, paths)


def test_paths_start_where_the_models_folder_is(tmp_path: Path):
    touch(tmp_path / "models" / "sub" / "a.gguf")
    own = {"config": tmp_path / "models.conf", "models_dir": tmp_path / "models"}
    above = places(tmp_path / "models", **own)
    assert (above.written(tmp_path / "models/sub/a.gguf"), above.settings) == ("sub/a.gguf", "")
    below = places(tmp_path / "models" / "sub", **own)
    assert below.written(tmp_path / "models/sub/a.gguf") == "sub/a.gguf"


def test_beside_models_conf_the_folder_needs_no_setting_but_must_not_be_mistaken(tmp_path: Path):
    touch(tmp_path / "a.gguf", tmp_path / "b.gguf", tmp_path / "models" / "b.gguf")
    found = places(tmp_path, config=tmp_path / "models.conf", models_dir=tmp_path / "models")
    assert found.written(tmp_path / "a.gguf") == "a.gguf"
    assert found.written(tmp_path / "models" / "b.gguf") == "models/b.gguf"
    assert found.written(tmp_path / "b.gguf") == str(tmp_path / "b.gguf")


def test_elsewhere_a_setting_is_made_unless_there_are_some(tmp_path: Path):
    touch(tmp_path / 'far "off"' / "a.gguf")
    far, conf = tmp_path / 'far "off"', tmp_path / "conf"
    own = {"config": conf / "models.conf", "models_dir": conf / "models"}
    fresh = places(far, **own)
    assert fresh.written(far / "a.gguf") == "a.gguf"
    assert fresh.settings.endswith('/far \\"off\\""\n')
    touch(conf / "paddock.toml")
    assert places(far, **own).written(far / "a.gguf") == str(far / "a.gguf")
    assert places(far, **own).settings == ""


def test_a_name_that_would_mean_the_home_folder_is_written_in_full(tmp_path: Path):
    touch(tmp_path / "models" / "~" / "a.gguf")
    own = places(
        tmp_path / "models", config=tmp_path / "models.conf", models_dir=tmp_path / "models"
    )
    path = tmp_path / "models" / "~" / "a.gguf"
    assert own.written(path) == str(path)
