"""Ollama's models as profiles: one for each, its files used where they lie.

Where headers of files are needed, `doubtful` names the files and `sorted_out` gets the facts. Pure.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from paddock.importing.ollama import Manifest, OllamaStore
from paddock.importing.ollama_words import LOST, PATCHED, SILENT, put_params
from paddock.importing.page import Page, PageLine, PageSection, compose, plain

_GGUFS = ("model", "projector", "adapter", "draft")  # layers that llama-server can take
# Keys and values, a comment before each.
Proposal = Callable[[Manifest], list[tuple[str, str, str]]]


def doubtful(manifests: list[Manifest]) -> list[Path]:
    """The files whose kind must be known: several where one is expected."""
    several = (m.layers["model"] for m in manifests if len(m.layers["model"]) > 1)
    return [path for paths in several for path in paths]


def sorted_out(store: OllamaStore, kinds: Mapping[Path, str]) -> OllamaStore:
    """The manifests with several model layers sorted by the kinds in their headers."""
    out = OllamaStore(notes=store.notes)
    for manifest in store.manifests:
        given = manifest.layers["model"]
        layers = {
            **manifest.layers,
            "model": tuple(p for p in given if kinds.get(p, "model") == "model"),
        }
        for kind in ("projector", "adapter"):
            found = tuple(path for path in given if kinds.get(path) == kind)
            layers[kind] = (*layers.get(kind, ()), *found)
        sorted_one = replace(manifest, layers={k: paths for k, paths in layers.items() if paths})
        if len(layers["model"]) == 1:
            out.manifests.append(sorted_one)
        else:
            out.notes.note(manifest.where, _parts(len(layers["model"])))
    return out


def _parts(count: int) -> str:
    if not count:
        return "none of its files is a model"
    return (
        f"is made of {count} model files: llama-server finds the parts of a model by their names only; "
        "merge them with `llama-gguf-split --merge`, or get the GGUF elsewhere"
    )


# ---- profiles ----


def page_of(store: OllamaStore, propose: Proposal) -> Page:
    """One profile for each model; further names of one are its aliases."""
    first: dict[tuple[object, ...], PageSection] = {}
    notes = Page()
    for manifest in store.manifests:
        if manifest.same in first:
            first[manifest.same].aliases += _names(manifest)
        else:
            first[manifest.same] = _section(manifest, propose, notes)
    page = compose(list(first.values()))
    for manifest in store.manifests:
        for text, place in manifest.comments:
            _put_comment(page, manifest.id, PageLine(f"# {plain(text)}", manifest.where), place)
    page.notes[:0] = [*store.notes.notes, *notes.notes]
    return page


def _put_comment(page: Page, id_: str, comment: PageLine, place: str) -> None:
    """Above the key that was read there; above its section where no key was."""
    header = next(i for i, line in enumerate(page.lines) if line.text == f"[{id_}]")
    at = next((i for i, line in enumerate(page.lines) if line.source.startswith(place)), header)
    page.lines.insert(at, comment)


def _names(manifest: Manifest) -> list[str]:
    return [manifest.id, *_short(manifest)]


def _short(manifest: Manifest) -> list[str]:
    """The name without `:latest`, which is Ollama's default tag."""
    return [manifest.id.removesuffix(":latest")] if manifest.id.endswith(":latest") else []


def _section(manifest: Manifest, propose: Proposal, notes: Page) -> PageSection:
    section = PageSection(manifest.id, manifest.where, aliases=_short(manifest))
    _put_files(manifest, section, notes)
    for kind in manifest.layers:
        if kind not in (*_GGUFS, "params", *SILENT):
            reason = LOST.get(kind, f"a layer of a kind that Paddock does not know: {kind!r}")
            notes.note(f"{manifest.where} {kind}", reason)
    put = put_params(manifest.params, section, notes)
    for key, value, comment in propose(manifest):
        if key not in put:
            section.comments.append(comment)
            section.add(key, value)
    if manifest.family.replace("-", "_") in PATCHED:
        warning = (
            f"older files of the family {manifest.family} need Ollama's own patches of llama.cpp: "
            "if llama-server refuses it, pull it again, or get its GGUF elsewhere"
        )
        notes.note(manifest.where, warning, "look")
    return section


def _put_files(manifest: Manifest, section: PageSection, notes: Page) -> None:
    section.add("model", str(manifest.model))
    for kind, key in (("projector", "mmproj"), ("draft", "model-draft")):
        first, *others = manifest.layers.get(kind, ()) or [None]
        if first:
            section.add(key, str(first))
        for other in others:
            notes.note(f"{manifest.where} {kind}", f"llama-server takes one {kind}: not {other}")
    if adapters := manifest.layers.get("adapter"):
        section.add("lora", ",".join(map(str, adapters)))
