"""Ollama's store in all its shapes: what is complete becomes a valid profile, all else is reported."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from paddock.importing.ollama_words import FLAGS, WITHOUT_FLAG
from paddock.llama.flags import FlagSet
from tests.cli.conftest import Paddock, paddock, state_home
from tests.config.stables import FLAGS as FLAGS_OF_THE_BUILD
from tests.importing.stores import Ollama, say
from tests.llama.headers import header

__all__ = ["paddock", "state_home"]
GONE = f"sha256:{'0' * 64}"


@dataclass
class Import:
    """What came of it: keys by profile, and every note."""

    profiles: dict[str, dict[str, str]]
    notes: str


@pytest.fixture
def store(tmp_path: Path) -> Ollama:
    return Ollama(tmp_path / "store")


def imported(paddock: Paddock, store: Ollama) -> Import:
    """Imports the store and has it checked."""
    store.manifest("registry.ollama.ai/library/sound/1b", model=store.model(say("sound")))
    made = paddock("import", "ollama", store.root, "--json")
    assert made.status == 0, made.err
    assert paddock("check").status == 0, paddock("check").out
    made_page = json.loads(made.out)
    profiles: dict[str, dict[str, str]] = {}
    keys: dict[str, str] = {}
    for line in made_page["text"].splitlines():
        if line.startswith("["):
            keys = profiles.setdefault(line[1:-1], {})
        elif "=" in line and not line.startswith("#"):
            key, _, value = line.partition(" = ")
            keys[key] = value
    assert profiles.pop("sound:1b")
    return Import(profiles, "\n".join(f"{n['where']}: {n['why']}" for n in made_page["notes"]))


def of_kind(store: Ollama, kind: str, values: int = 0) -> str:
    """A header that says so, with a tensor of as many values."""
    arch, tensors = "clip" if kind == "mmproj" else "llama", {"v.a": [0.0] * values}
    path = header(store.root / "new", arch, {"general.type": kind}, tensors if values else {})
    data = path.read_bytes()
    path.unlink()
    return store.blob(data)


def manifest(store: Ollama, *layers: tuple[str, str], name: str = "odd") -> Path:
    """Layers as they come, several of one kind too."""
    path = store.manifest(f"registry.ollama.ai/library/{name}/latest")
    written = json.loads(path.read_text())
    written["layers"] = [
        {"mediaType": f"application/vnd.ollama.image.{kind}", "digest": digest, "size": 1}
        for kind, digest in layers
    ]
    path.write_text(json.dumps(written))
    return path


def blob(store: Ollama, digest: str) -> str:
    return str(store.root / "blobs" / digest.replace(":", "-"))


def test_of_several_model_layers_each_is_what_its_header_says(
    paddock: Paddock, store: Ollama
) -> None:
    model, projector, adapter = store.model(say("m")), of_kind(store, "mmproj"), of_kind(store, "adapter")  # fmt: skip
    manifest(store, ("model", projector), ("model", model), ("model", adapter))
    keys = imported(paddock, store).profiles["odd:latest"]
    assert keys["model"] == blob(store, model)
    assert keys["mmproj"] == blob(store, projector)
    assert keys["lora"] == blob(store, adapter)


def test_a_model_in_parts_is_left_out_with_a_way_to_mend_it(
    paddock: Paddock, store: Ollama
) -> None:
    manifest(store, ("model", store.model(say("one"))), ("model", store.model(say("two"))))
    found = imported(paddock, store)
    assert found.profiles == {}
    assert "odd:latest: is made of 2 model files" in found.notes
    assert "llama-gguf-split --merge" in found.notes


def test_a_draft_and_several_adapters_are_carried_over(paddock: Paddock, store: Ollama) -> None:
    draft, one, two = store.model(say("d")), of_kind(store, "adapter"), store.blob(b"GGUF and more")
    manifest(store, ("model", store.model(say("m"))), ("draft", draft), ("adapter", one), ("adapter", two))  # fmt: skip
    keys = imported(paddock, store).profiles["odd:latest"]
    assert keys["model-draft"] == blob(store, draft)
    assert keys["lora"] == f"{blob(store, one)},{blob(store, two)}"


def test_a_second_projector_is_reported(paddock: Paddock, store: Ollama) -> None:
    one, two = of_kind(store, "mmproj"), store.blob(b"GGUF too")
    manifest(store, ("model", store.model(say("m"))), ("projector", one), ("projector", two))
    found = imported(paddock, store)
    assert found.profiles["odd:latest"]["mmproj"] == blob(store, one)
    assert f"llama-server takes one projector: not {blob(store, two)}" in found.notes


@pytest.mark.parametrize("kind", ["projector", "draft"])
@pytest.mark.parametrize("what", ["missing", "no gguf"])
def test_without_a_projector_or_draft_that_is_not_whole_the_model_still_serves(
    paddock: Paddock, store: Ollama, kind: str, what: str
) -> None:
    digest = GONE if what == "missing" else store.blob(b"nothing of it")
    manifest(store, ("model", store.model(say("m"))), (kind, digest))
    found = imported(paddock, store)
    assert set(found.profiles["odd:latest"]) <= {"model", "ctx-size", "aliases"}
    assert f"its {kind}" in found.notes
    assert "the profile is without it" in found.notes


@pytest.mark.parametrize("kind", ["model", "adapter"])
@pytest.mark.parametrize("what", ["missing", "no gguf", "half loaded"])
def test_without_its_model_or_adapter_there_is_no_profile(
    paddock: Paddock, store: Ollama, kind: str, what: str
) -> None:
    digest = GONE if what != "no gguf" else store.blob(b"nothing of it")
    if what == "half loaded":
        Path(blob(store, GONE) + "-partial").touch()
    layers = {"model": store.model(say("m"))} | {kind: digest}
    manifest(store, *layers.items())
    found = imported(paddock, store)
    assert found.profiles == {}
    assert f"odd:latest: its {kind}" in found.notes
    assert ("pull it again" in found.notes) is (what == "half loaded")


def test_a_blob_that_was_cut_off_becomes_no_profile(paddock: Paddock, store: Ollama) -> None:
    digest = store.model(say("m"))
    path = Path(blob(store, digest))
    path.write_bytes(path.read_bytes()[:40_000])
    manifest(store, ("model", digest))
    found = imported(paddock, store)
    assert found.profiles == {}
    assert "is truncated: it has 40,000 of" in found.notes


def test_a_projector_that_was_cut_off_leaves_the_profile(paddock: Paddock, store: Ollama) -> None:
    digest = of_kind(store, "mmproj", 1_000)
    path = Path(blob(store, digest))
    path.write_bytes(path.read_bytes()[:-2_000])
    manifest(store, ("model", store.model(say("m"))), ("projector", digest))
    found = imported(paddock, store)
    assert "mmproj" not in found.profiles["odd:latest"]
    assert "mmproj" in found.notes


def test_a_projector_in_the_place_of_the_model_becomes_no_profile(
    paddock: Paddock, store: Ollama
) -> None:
    manifest(store, ("model", of_kind(store, "mmproj")))
    found = imported(paddock, store)
    assert found.profiles == {}
    assert "is of the kind 'projector', not a model" in found.notes


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("hologram", "a layer of a kind that Paddock does not know: 'hologram'"),
        ("prompt", "llama-server takes the chat template of the GGUF"),
        ("embed", "Ollama's old way to keep embeddings"),
        ("template", "llama-server takes the chat template of the GGUF"),
        ("license", ""),
    ],
)
def test_layers_that_no_key_can_hold_are_reported(
    paddock: Paddock, store: Ollama, kind: str, expected: str
) -> None:
    manifest(store, ("model", store.model(say("m"))), (kind, store.blob(b"x")))
    found = imported(paddock, store)
    assert "odd:latest" in found.profiles
    assert (f"odd:latest {kind}: {expected}" in found.notes) is bool(expected)


@pytest.mark.parametrize(
    ("manifest_text", "expected"),
    [
        ("{", "cannot be read"),
        ("[]", "holds no GGUF"),
        ('{"layers": 7}', "digest is ''"),
        ('{"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "../x"}]}', "digest is '../x'"),
        ('{"layers": [{"mediaType": "application/vnd.ollama.image.model"}]}', "digest is ''"),
        ('{"layers": [{"mediaType": "application/vnd.ollama.image.tensor", "digest": "' + GONE + '"}]}', "MLX"),
        ('{"config": 3, "layers": null}', "holds no GGUF"),
    ],
)  # fmt: skip
def test_a_manifest_of_another_shape_costs_itself_alone(
    paddock: Paddock, store: Ollama, manifest_text: str, expected: str
) -> None:
    manifest(store).write_text(manifest_text)
    found = imported(paddock, store)
    assert found.profiles == {}
    assert expected in found.notes


def test_parameters_that_cannot_be_read_are_reported(paddock: Paddock, store: Ollama) -> None:
    manifest(store, ("model", store.model(say("m"))), ("params", store.blob(b"{nothing")))
    found = imported(paddock, store)
    assert "its parameters are not carried over" in found.notes
    assert "odd:latest" in found.profiles


# ---- parameters ----


def every(store: Ollama) -> dict[str, Any]:
    return dict.fromkeys(FLAGS, 1) | dict.fromkeys(WITHOUT_FLAG, True)


def test_no_parameter_that_ollama_knows_is_called_unknown(paddock: Paddock, store: Ollama) -> None:
    params = every(store) | {"use_mmap": True, "use_mlock": False, "numa": False, "sparkle": 1}
    layers: dict[str, Any] = {"model": store.model(say("m")), "params": params}
    store.manifest("registry.ollama.ai/library/odd/latest", **layers)
    found = imported(paddock, store)
    unknown = [line for line in found.notes.splitlines() if "no such parameter" in line]
    assert [line.split(":latest ")[1].split(":")[0] for line in unknown] == ["sparkle"]
    for name in WITHOUT_FLAG:
        assert f"odd:latest {name}: " in found.notes


@pytest.mark.parametrize("flag", sorted(set(FLAGS.values())))
def test_every_flag_that_stands_for_a_parameter_is_one_of_the_build(flag: str) -> None:
    flags: FlagSet = FLAGS_OF_THE_BUILD
    assert flags.find(flag) is not None


@pytest.mark.parametrize(
    ("mmap", "mlock", "mode"),
    [
        (True, None, "mmap"),
        (False, None, "none"),
        (None, True, "mlock"),
        (None, False, None),
        (True, True, "mmap+mlock"),
        (False, True, "mlock"),
        (False, False, "none"),
    ],
)
def test_how_a_model_is_loaded_is_one_mode(
    paddock: Paddock, store: Ollama, mmap: bool | None, mlock: bool | None, mode: str | None
) -> None:
    given = {"use_mmap": mmap, "use_mlock": mlock}
    params = {name: value for name, value in given.items() if value is not None}
    store.manifest("registry.ollama.ai/library/odd/latest", model=store.model(say("m")), params=params)  # fmt: skip
    assert imported(paddock, store).profiles["odd:latest"].get("load-mode") == mode
