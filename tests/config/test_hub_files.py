"""Which files a profile with `hf-repo` means, and where they are looked for."""

from pathlib import Path

import pytest

from paddock.config.hub_files import hub_files, hub_name
from paddock.config.profile import Flag, Origin
from tests.config.stables import Yard


def laid(top: Path, *names: str, repo: str = "models--acme--Parrot-GGUF") -> dict[str, Path]:
    """A hub's cache with these files of one repository."""
    folder = top / repo / "snapshots" / ("a" * 40)
    (top / repo / "refs").mkdir(parents=True)
    (top / repo / "refs" / "main").write_text("a" * 40)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x" * 5000)
    return {name: folder / name for name in names}


@pytest.mark.parametrize(
    ("names", "wanted", "found"),
    [
        (["p-Q8_0.gguf", "p-Q4_K_M.gguf"], "acme/Parrot-GGUF", "p-Q4_K_M.gguf"),
        (["p-Q8_0.gguf", "p-F16.gguf"], "acme/Parrot-GGUF", "p-Q8_0.gguf"),
        (["p-F16.gguf"], "acme/Parrot-GGUF", "p-F16.gguf"),
        (["p-Q8_0.gguf", "p-Q4_K_M.gguf"], "acme/Parrot-GGUF:q8_0", "p-Q8_0.gguf"),
        (["p-UD-Q4_K_XL.gguf"], "acme/Parrot-GGUF:Q4_K_XL", "p-UD-Q4_K_XL.gguf"),
        (["p-Q8_0.gguf"], "acme/Parrot-GGUF:Q4_K_M", None),
        (["sub/p-Q8_0.gguf", "p-Q8_0.gguf"], "acme/Parrot-GGUF/sub/P-q8_0.gguf", "sub/p-Q8_0.gguf"),
        (["p-Q8_0-00001-of-00002.gguf"], "acme/Parrot-GGUF:Q8_0", None),
        (["p-Q8_0.gguf"], "acme/Other-GGUF", None),
        (["p-Q8_0.gguf"], "../Parrot-GGUF", None),
    ],
)  # fmt: skip
def test_the_file_is_found_that_llama_server_would_take(
    tmp_path: Path, names: list[str], wanted: str, found: str | None
) -> None:
    files = laid(tmp_path / "hub", *names)
    got = hub_files(wanted, tmp_path / "models", {"HF_HOME": str(tmp_path)})
    assert got == ({"--model": files[found]} if found else {})


def test_every_cache_and_the_models_folder_are_looked_into(tmp_path: Path) -> None:
    environ = {"LLAMA_CACHE": str(tmp_path / "llama"), "HF_HOME": str(tmp_path)}
    name, models = "acme/Parrot-GGUF:Q8_0", tmp_path / "models"
    own = models / "acme" / "Parrot-GGUF" / "p-Q8_0.gguf"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"x" * 5000)
    assert hub_files(name, models, environ)["--model"] == own
    second = laid(tmp_path / "hub", "p-Q8_0.gguf")["p-Q8_0.gguf"]
    assert hub_files(name, models, environ)["--model"] == second
    first = laid(tmp_path / "llama", "p-Q8_0.gguf")["p-Q8_0.gguf"]
    assert hub_files(name, models, environ)["--model"] == first


def test_the_name_is_of_the_repository_or_of_a_file_in_it() -> None:
    def flags(**given: str) -> list[Flag]:
        return [Flag(f"--{k.replace('_', '-')}", (v,), Origin("p", k)) for k, v in given.items()]

    assert hub_name(flags(hf_repo="a/b:Q8_0")) == "a/b:Q8_0"
    assert hub_name(flags(hf_repo="a/b:Q8_0", hf_file="c.gguf")) == "a/b/c.gguf"
    assert hub_name(flags(hf_repo="a/b", model="/m.gguf")) == ""
    assert hub_name(flags(ctx_size="1")) == ""


@pytest.mark.parametrize("projector", ["", "no-mmproj = true\n"])
def test_a_profile_whose_files_are_here_names_them(
    yard: Yard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, projector: str
) -> None:
    for variable in ("LLAMA_CACHE", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    text = f"[p]\nhf-repo = acme/Parrot-GGUF:Q8_0\nctx-size = 512\n{projector}"
    far = yard.load(text).profiles["p"]
    assert (far.model, far.hub) == (None, "acme/Parrot-GGUF:Q8_0")
    files = laid(tmp_path / "hub", "p-Q8_0.gguf", "mmproj-F16.gguf")
    near = yard.load(text).profiles["p"]
    assert (near.model, near.hub) == (files["p-Q8_0.gguf"], far.hub)
    assert near.mmproj == (None if projector else files["mmproj-F16.gguf"])
    assert "--hf-repo" not in near.argv
    assert near.fingerprint != far.fingerprint
    assert near.flag("--model").origin.key == "hf-repo"  # type: ignore[union-attr]
