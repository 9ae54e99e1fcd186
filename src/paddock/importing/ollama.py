"""Ollama's store: its manifests, and the blobs that they are made of. Files are opened only to see their kind.

`manifests/HOST/NAMESPACE/MODEL/TAG` names layers by digest; `blobs/sha256-…` holds them.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from paddock.importing.page import Page, plain
from paddock.importing.yaml_file import items, mapping, text_of
from paddock.plain_file import oddity, read_plain, trouble

_LAYER = "application/vnd.ollama.image."
_DIGEST = re.compile(r"sha256[:-][0-9a-fA-F]{64}")
_OTHER_ENGINE = frozenset({"tensor", "json"})  # of a model for Ollama's MLX engine

Layers = Mapping[str, tuple[Path, ...]]  # by what they are
Params = Mapping[str, tuple[object, str]]  # value and place by name


@dataclass(frozen=True, slots=True)
class Manifest:
    """One model of a store, or of a Modelfile."""

    id: str  # as `ollama list` shows it
    path: Path
    store: Path
    layers: Layers
    family: str = ""
    params: Params = field(default_factory=dict)
    comments: tuple[tuple[str, str], ...] = ()  # each with the place that it stands above

    @property
    def where(self) -> str:
        return f"{self.path} {self.id}"

    @property
    def model(self) -> Path | None:
        return next(iter(self.layers.get("model", ())), None)

    @property
    def same(self) -> tuple[object, ...]:
        """Equal for two names of one model."""
        return tuple(sorted((kind, paths) for kind, paths in self.layers.items()))


@dataclass(slots=True)
class OllamaStore:
    """The models of a store, and notes on what cannot become a profile."""

    manifests: list[Manifest] = field(default_factory=list)
    notes: Page = field(default_factory=Page)

    def add(self, manifest: Manifest) -> None:
        """Add the model, unless a part without which it cannot run is missing."""
        if why := _unusable(manifest):
            self.notes.note(manifest.where, why)
        else:
            self.manifests.append(_without_broken(manifest, self.notes))

    def take(self, other: "OllamaStore") -> None:
        self.manifests += other.manifests
        self.notes.notes += other.notes.notes

    def find(self, name: str) -> Manifest | None:
        """The model of this name, as Ollama reads it: `latest` without a tag, capitals ignored."""
        wanted = name if ":" in name.rpartition("/")[2] else f"{name}:latest"
        return next((m for m in self.manifests if m.id.lower() == wanted.lower()), None)


def stores(environ: Mapping[str, str]) -> list[Path]:
    """The folders in which Ollama keeps models, those that exist."""
    if named := environ.get("OLLAMA_MODELS"):
        return [Path(named)]
    home = Path(environ.get("HOME") or Path.home())
    usual = [home / ".ollama" / "models", Path("/usr/share/ollama/.ollama/models")]
    return [folder for folder in usual if _may_be(folder / "manifests")]


def _may_be(folder: Path) -> bool:
    """Whether it may exist: the service's folder belongs to another user, and reading it fails later."""
    try:
        return folder.is_dir()
    except PermissionError:
        return True


def look_into(folder: Path) -> OllamaStore:
    """Every manifest in the folder."""
    store = OllamaStore()
    if not os.access(folder / "manifests", os.R_OK | os.X_OK):
        why = "there is none, or it cannot be read: the rights of Ollama's user may be needed"
        store.notes.note(str(folder / "manifests"), why)
        return store
    for path in sorted(_files(folder / "manifests")):
        parts = path.relative_to(folder / "manifests").parts
        if len(parts) != 4 or any(part.startswith(".") for part in parts):
            continue
        try:
            store.add(_manifest(path, folder, parts, store.notes))
        except (OSError, ValueError) as error:
            store.notes.note(str(path), f"cannot be read: {trouble(error)}")
    return store


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


# ---- one manifest ----


def _manifest(path: Path, folder: Path, parts: tuple[str, ...], notes: Page) -> Manifest:
    """ValueError says which of its layers is not whole."""
    manifest = mapping(json.loads(read_plain(path)))
    layers: dict[str, tuple[Path, ...]] = {}
    for layer in map(mapping, items(manifest.get("layers"))):
        kind = text_of(layer.get("mediaType")).removeprefix(_LAYER).partition(";")[0].strip()
        layers[kind] = (*layers.get(kind, ()), _blob(folder, layer))
    config = _json(_config_blob(folder, manifest))
    id_ = _id(parts)
    params = _params(layers.get("params", ()), id_, notes)
    family = text_of(config.get("model_family"))
    return Manifest(id_, path, folder, layers, family, params)


def _id(parts: tuple[str, ...]) -> str:
    """As Ollama shortens names."""
    host, namespace, model, tag = parts
    if host != "registry.ollama.ai":
        return f"{host}/{namespace}/{model}:{tag}"
    return f"{model}:{tag}" if namespace == "library" else f"{namespace}/{model}:{tag}"


def _blob(folder: Path, layer: Mapping[str, Any]) -> Path:
    """Older stores have a colon in the file's name."""
    digest = text_of(layer.get("digest"))
    if not _DIGEST.fullmatch(digest):
        raise ValueError(f"a layer's digest is {digest!r}")
    old = folder / "blobs" / digest
    return old if old.is_file() and ":" in digest else old.with_name(digest.replace(":", "-"))


def _config_blob(folder: Path, manifest: Mapping[str, Any]) -> Path:
    try:
        return _blob(folder, mapping(manifest.get("config")))
    except ValueError:  # it only names the family
        return folder / "blobs" / "none"


def _params(paths: tuple[Path, ...], id_: str, notes: Page) -> Params:
    found: dict[str, tuple[object, str]] = {}
    for path in paths:
        params = _json(path)
        if not params:
            notes.note(
                f"{path} {id_} params", "cannot be read: its parameters are not carried over"
            )
        found |= {name: (value, f"{path} {id_} {name}") for name, value in params.items()}
    return found


def _json(path: Path) -> Mapping[str, Any]:
    try:
        return mapping(json.loads(read_plain(path)))
    except (OSError, ValueError):
        return {}


def _unusable(manifest: Manifest) -> str:
    if not manifest.model:
        if _OTHER_ENGINE & manifest.layers.keys():
            return "holds tensors in another format than GGUF: a model for Ollama's MLX engine"
        return "holds no GGUF: a model of Ollama's cloud, or for another engine"
    if plain(manifest.id) != manifest.id:
        return "its name cannot be written into models.conf"
    for kind in ("model", "adapter"):  # without its adapter the model would be another one
        for path in manifest.layers.get(kind, ()):
            if why := _broken(path):
                return f"its {kind} {why}"
    return ""


def _without_broken(manifest: Manifest, notes: Page) -> Manifest:
    """The model without a damaged projector or draft model, which it does not need."""
    layers = dict(manifest.layers)
    for kind in ("projector", "draft"):
        broken = {path: why for path in layers.get(kind, ()) if (why := _broken(path))}
        for why in broken.values():
            notes.note(f"{manifest.where} {kind}", f"its {kind} {why}: the profile is without it")
        layers[kind] = tuple(path for path in layers.get(kind, ()) if path not in broken)
    return replace(manifest, layers={kind: paths for kind, paths in layers.items() if paths})


def _broken(path: Path) -> str:
    if kind := oddity(path):
        return f"is {kind} instead of a file: {path}"
    try:
        with path.open("rb") as file:
            return "" if file.read(4) == b"GGUF" else f"is no GGUF file: {path}"
    except OSError as error:
        partial = any(path.parent.glob(f"{path.name}-partial*"))
        hint = "its download is incomplete: pull it again" if partial else error.strerror
        return f"{path} cannot be read: {hint}"
