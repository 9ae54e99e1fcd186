"""What a repository's list becomes: shards joined, what belongs beside them found, what is dangerous left out."""

import pytest

from paddock.hub.names import parsed
from paddock.hub.refusals import NotOnHub
from paddock.hub.repository import MOST_FILE, HubFile, HubRepository, sorted_out

HASH = "0" * 64


def repository(*paths: str, name: str = "acme/x") -> HubRepository:
    files = [HubFile(path, 10 + place, HASH) for place, path in enumerate(paths)]
    return sorted_out(parsed(name), "c" * 40, files)


def test_shards_are_one_and_quantisations_are_sorted_by_size() -> None:
    found = repository(
        "Q8_0/x-Q8_0-00002-of-00002.gguf",
        "Q8_0/x-Q8_0-00001-of-00002.gguf",
        "x-UD-Q4_K_XL.gguf",
        "x-bf16.gguf",
        "README.md",
    )
    assert [offer.quantisation for offer in found.offers] == ["UD-Q4_K_XL", "BF16", "Q8_0"]
    assert [file.name[-15:-5] for file in found.offers[2].files] == ["1-of-00002", "2-of-00002"]
    assert [offer.is_exact for offer in found.offers] == [False, True, False]


def test_projectors_and_draft_models_are_none_of_the_quantisations() -> None:
    found = repository(
        "mmproj-F32.gguf", "mmproj-F16.gguf", "x-Q4_0.gguf", "mtp-x.gguf", "x-imatrix.gguf"
    )
    assert [file.path for file in found.projectors] == ["mmproj-F16.gguf", "mmproj-F32.gguf"]
    assert [offer.first.path for offer in found.drafts] == ["mtp-x.gguf"]
    assert [offer.first.path for offer in found.offers] == ["x-Q4_0.gguf"]
    assert found.left_out == [("x-imatrix.gguf", "it is for quantising")]


@pytest.mark.parametrize("asked", ["Q4_K_M", "q4_k_m", "q4-k-m"])
def test_a_quantisation_is_found_however_it_is_written(asked: str) -> None:
    found = repository("x-Q4_K_M.gguf", "x-Q8_0.gguf", name=f"acme/x:{asked}").wanted()
    assert found is not None
    assert found.first.path == "x-Q4_K_M.gguf"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("acme/x:Q4_K_S", "it has Q4_K_M, Q8_0"),
        ("acme/x/y.gguf", "it has x-Q4_K_M.gguf, x-Q8_0.gguf"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(name: str, words: str) -> None:
    with pytest.raises(NotOnHub, match=words):
        repository("x-Q4_K_M.gguf", "x-Q8_0.gguf", name=name).wanted()


@pytest.mark.parametrize(
    "path",
    ["../x.gguf", "/etc/x.gguf", "a/../../x.gguf", "a//x.gguf", "a/./x.gguf", "~/x.gguf", "a\\x.gguf",
     "x\n.gguf", "x\x1b[2J.gguf", " x.gguf", f"{'x' * 300}.gguf", "..gguf/../x.gguf"],
)  # fmt: skip
def test_a_name_that_could_leave_its_folder_or_harm_a_terminal_is_left_out(path: str) -> None:
    found = repository(path, "x-Q4_0.gguf")
    assert [offer.first.path for offer in found.offers] == ["x-Q4_0.gguf"]
    assert [left for left, _ in found.left_out] == [path]


def test_so_is_what_has_no_hash_or_no_sensible_size_and_a_set_of_shards_with_a_gap() -> None:
    files = [
        HubFile("a.gguf", 5, ""),
        HubFile("b.gguf", 0, HASH),
        HubFile("c.gguf", MOST_FILE + 1, HASH),
        HubFile("d-00001-of-00002.gguf", 5, HASH),
    ]
    with pytest.raises(NotOnHub) as refused:
        sorted_out(parsed("acme/x"), "c" * 40, files)
    assert len(refused.value.detail) == 4
