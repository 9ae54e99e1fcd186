"""Ollama's store: one profile for each manifest, its blobs used where they lie. Nothing is copied.

`manifests/HOST/NAMESPACE/MODEL/TAG` names layers by digest; `blobs/sha256-…` holds them.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paddock.importing.page import Page, Section, compose, plain
from paddock.importing.yaml_file import mapping, text_of

_LAYER = "application/vnd.ollama.image."
# Older files of these were made for Ollama's own patches of llama.cpp (its llama/compat).
PATCHED = frozenset(
    {
        "gemma3", "gemma3n", "gemma4", "qwen35", "qwen35moe", "qwen3next", "qwen25vl", "qwen3vl",
        "gptoss", "glm4moelite", "mistral3", "llama4", "lfm2", "olmo3", "nemotron_h",
    }
)  # fmt: skip
_FLAGS = {
    "num_ctx": "ctx-size", "temperature": "temp", "top_k": "top-k", "top_p": "top-p",
    "min_p": "min-p", "typical_p": "typical", "repeat_penalty": "repeat-penalty",
    "repeat_last_n": "repeat-last-n", "presence_penalty": "presence-penalty",
    "frequency_penalty": "frequency-penalty", "seed": "seed", "num_predict": "predict",
    "num_keep": "keep", "num_batch": "batch-size", "num_thread": "threads",
    "main_gpu": "main-gpu", "mirostat": "mirostat", "mirostat_tau": "mirostat-ent",
    "mirostat_eta": "mirostat-lr",
}  # fmt: skip
_LOST = {
    "stop": "stop words are no flag of llama-server: clients send them",
    "num_gpu": "llama.cpp's fit places the layers: N_GPU_LAYERS = NUMBER if you must",
    "system": "a system prompt is the client's to send",
    "template": "llama-server takes the chat template of the GGUF; another one: `chat-template-file`",
    "messages": "example messages are the client's to send",
}


@dataclass(frozen=True, slots=True)
class Manifest:
    """One model of a store."""

    id: str  # as `ollama list` shows it
    path: Path
    store: Path
    layers: Mapping[str, tuple[Path, ...]]  # by what they are
    family: str = ""

    @property
    def model(self) -> Path | None:
        return next(iter(self.layers.get("model", ())), None)

    @property
    def same(self) -> tuple[object, ...]:
        """Equal for two names of one model."""
        return tuple(sorted((kind, paths) for kind, paths in self.layers.items()))


@dataclass(slots=True)
class Store:
    """What was found, and what no profile can be made of."""

    manifests: list[Manifest] = field(default_factory=list)
    notes: Page = field(default_factory=Page)


def stores(environ: Mapping[str, str]) -> list[Path]:
    """Where Ollama keeps its models, as far as it is there."""
    if told := environ.get("OLLAMA_MODELS"):
        return [Path(told)]
    home = Path(environ.get("HOME") or Path.home())
    usual = [home / ".ollama" / "models", Path("/usr/share/ollama/.ollama/models")]
    return [folder for folder in usual if _may_be(folder / "manifests")]


def _may_be(folder: Path) -> bool:
    """The service's folder is its own user's: then it is told that it cannot be read."""
    try:
        return folder.is_dir()
    except PermissionError:
        return True


def look_into(folder: Path) -> Store:
    """Every manifest in the folder."""
    store = Store()
    if not os.access(folder / "manifests", os.R_OK | os.X_OK):
        why = "there is none, or it cannot be read: the rights of Ollama's user may be needed"
        store.notes.note(str(folder / "manifests"), why)
        return store
    for path in sorted(_files(folder / "manifests")):
        parts = path.relative_to(folder / "manifests").parts
        if len(parts) != 4 or any(part.startswith(".") for part in parts):
            continue
        try:
            manifest = _manifest(path, folder, parts)
        except (OSError, ValueError) as error:
            store.notes.note(str(path), f"cannot be read: {error}")
            continue
        if why := _unusable(manifest):
            store.notes.note(f"{path} {manifest.id}", why)
        else:
            store.manifests.append(manifest)
    return store


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _manifest(path: Path, folder: Path, parts: tuple[str, ...]) -> Manifest:
    told = mapping(json.loads(path.read_bytes()))
    layers: dict[str, tuple[Path, ...]] = {}
    for layer in map(mapping, told.get("layers") or []):
        kind = text_of(layer.get("mediaType")).removeprefix(_LAYER)
        layers[kind] = (*layers.get(kind, ()), _blob(folder, text_of(layer.get("digest"))))
    config = _json(_blob(folder, text_of(mapping(told.get("config")).get("digest"))))
    return Manifest(_id(parts), path, folder, layers, text_of(config.get("model_family")))


def _id(parts: tuple[str, ...]) -> str:
    """As Ollama shortens names."""
    host, namespace, model, tag = parts
    if host != "registry.ollama.ai":
        return f"{host}/{namespace}/{model}:{tag}"
    return f"{model}:{tag}" if namespace == "library" else f"{namespace}/{model}:{tag}"


def _blob(folder: Path, digest: str) -> Path:
    """Older stores have a colon in the file's name."""
    old = folder / "blobs" / digest
    return old if old.is_file() and ":" in digest else old.with_name(digest.replace(":", "-"))


def _json(path: Path) -> Mapping[str, Any]:
    try:
        return mapping(json.loads(path.read_bytes()))
    except (OSError, ValueError):
        return {}


def _unusable(manifest: Manifest) -> str:
    if not manifest.model:
        return "holds no GGUF: a model of Ollama's cloud, or for another engine"
    if plain(manifest.id) != manifest.id:
        return "its name cannot be written into models.conf"
    try:
        with manifest.model.open("rb") as file:
            is_gguf = file.read(4) == b"GGUF"
    except OSError as error:
        return f"{manifest.model} cannot be read: {error.strerror}"
    return "" if is_gguf else "its model is no GGUF file"


# ---- profiles ----

Proposal = Callable[
    [Manifest], list[tuple[str, str, str]]
]  # keys and values, a comment before each


def page_of(store: Store, propose: Proposal) -> Page:
    """One profile for each model; further names of one are its aliases."""
    first: dict[tuple[object, ...], Section] = {}
    notes = Page()
    for manifest in store.manifests:
        if manifest.same in first:
            first[manifest.same].aliases += _names(manifest)
        else:
            first[manifest.same] = _section(manifest, propose, notes)
    page = compose(list(first.values()))
    page.notes[:0] = [*store.notes.notes, *notes.notes]
    return page


def _names(manifest: Manifest) -> list[str]:
    return [manifest.id, *_short(manifest)]


def _short(manifest: Manifest) -> list[str]:
    """Ollama takes a name without a tag for `latest`."""
    return [manifest.id.removesuffix(":latest")] if manifest.id.endswith(":latest") else []


def _section(manifest: Manifest, propose: Proposal, notes: Page) -> Section:
    where = f"{manifest.path} {manifest.id}"
    section = Section(manifest.id, where, aliases=_short(manifest))
    section.add("model", str(manifest.model))
    for kind, key in (("projector", "mmproj"), ("adapter", "lora")):
        if paths := manifest.layers.get(kind):
            section.add(key, ",".join(map(str, paths)))
    for kind in ("system", "template", "messages"):
        if kind in manifest.layers:
            notes.note(f"{where} {kind}", _LOST[kind])
    _params(manifest, section, notes)
    said = {entry.key for entry in section.keys}
    for key, value, comment in propose(manifest):
        if key not in said:
            section.comments.append(comment)
            section.add(key, value)
    if manifest.family.replace("-", "_") in PATCHED:
        told = (
            f"older files of the family {manifest.family} need Ollama's own patches of llama.cpp: "
            "if llama-server refuses it, pull it again, or get its GGUF elsewhere"
        )
        notes.note(where, told, "look")
    return section


def _params(manifest: Manifest, section: Section, notes: Page) -> None:
    for path in manifest.layers.get("params", ()):
        for name, value in _json(path).items():
            where = f"{path} {manifest.id} {name}"
            if key := _FLAGS.get(name):
                section.add(key, text_of(value), where)
            elif name == "use_mmap":
                section.add("load-mode", "mmap" if value else "none", where)
            else:
                notes.note(where, _LOST.get(name, "llama-server has no such flag"))
