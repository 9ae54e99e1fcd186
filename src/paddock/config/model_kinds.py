"""Separates models from files that belong to them, by their facts, and joins projectors. Pure.

llama.cpp's own rules for a folder (`common/preset.cpp`, build 11434) go by names alone: `mmproj*` is
the projector of whatever lies beside it, `mtp-`, `dflash-` and `dspark-` are draft models.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from paddock.config.model_folder import LeftOut, ModelFile
from paddock.config.model_names import name_of, profile_id
from paddock.llama.gguf import Facts, GgufError

Use = Literal["chat", "embeddings", "reranking"]

# Encoders, and those whose name says it (llama-arch.cpp, build 11434).
EMBEDDERS = frozenset(
    {
        "bert", "eurobert", "gemma-embedding", "jina-bert-v2", "jina-bert-v3", "llama-embed",
        "modern-bert", "neo-bert", "nomic-bert", "nomic-bert-moe", "t5encoder",
    }
)  # fmt: skip
_EMBEDS = re.compile(r"embed(?!ded)", re.IGNORECASE)
_RERANKS = re.compile(r"re-?rank", re.IGNORECASE)
DRAFTERS = frozenset({"dflash", "eagle3", "gemma4-assistant"})  # architectures that only draft
_DRAFTS = re.compile(r"(?:mtp|dflash|dspark)-|(?:.*[-_. ])?draft(?:[-_. ]|$)", re.IGNORECASE)
_WHAT_FOR = {
    "adapter": "a LoRA adapter: give it as `lora` to the model that it was made for",
    "controlvector": "a control vector: give it as `control-vector` to the model that it was made for",
    "imatrix": "it is for quantising; llama-server has no use for it",
    "wavtokenizer-dec": "a vocoder: it only turns the codes of a speech model into sound",
}
# Which of several projectors: the exact ones that are half as large, then the exact one.
PREFERRED = ("F16", "BF16", "F32", "Q8_0")


def needs_spec_type(draft: Facts) -> bool:
    """Whether llama-server (build 11434) leaves a draft model idle unless `--spec-type` says how to use it.

    It infers the type from layers for multi-token prediction and from architectures that only draft.
    """
    return draft.architecture not in DRAFTERS and not draft.nextn_layers


@dataclass(frozen=True, slots=True)
class UsableModel:
    """A model that gets a profile."""

    file: ModelFile
    facts: Facts
    use: Use = "chat"
    projector: ModelFile | None = None


@dataclass(slots=True)
class Sorted:
    """Everything in its place."""

    models: list[UsableModel] = field(default_factory=list)
    drafts: list[UsableModel] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


Read = tuple[ModelFile, Facts | GgufError]


def sort_out(read: Iterable[Read]) -> Sorted:
    """Sort the files by what their headers say."""
    out, models, projectors = Sorted(), list[UsableModel](), list[UsableModel]()
    for file, facts in read:
        if isinstance(facts, GgufError):
            out.left_out.append(LeftOut(file.path, _wrong(file, facts)))
        elif facts.kind == "projector" or "mmproj" in file.name.lower():
            projectors.append(UsableModel(file, facts))
        elif reason := _no_model(facts):
            out.left_out.append(LeftOut(file.path, reason))
        else:
            found = UsableModel(file, facts, _use(file, facts))
            (out.drafts if _is_draft(found) else models).append(found)
    _join(models, projectors, out)
    return out


def _wrong(file: ModelFile, error: GgufError) -> str:
    """The error without the file's folders, which are shown beside it."""
    message = error.message.removeprefix(f"{file.path}: ").removeprefix(f"{file.path} ")
    hint = f" ({error.hint})" if error.hint else ""
    return message.replace(f"{file.path.parent}/", "") + hint


def _no_model(facts: Facts) -> str:
    """Why llama-server cannot run it; empty where it can."""
    use = _WHAT_FOR.get(facts.kind) or _WHAT_FOR.get(facts.architecture)
    if use or facts.kind != "model":
        return use or f"of the kind {facts.kind!r}, which is no model"
    if not facts.n_layers:
        return f"no language model (architecture {facts.architecture!r})"
    return "" if facts.n_params else "it holds no weights"


def _use(file: ModelFile, facts: Facts) -> Use:
    names = f"{profile_id(file.name, file.repository)} {facts.name}"
    if _RERANKS.search(names):
        return "reranking"
    is_embedder = facts.architecture in EMBEDDERS or _EMBEDS.search(names)
    return "embeddings" if is_embedder else "chat"


def is_draft_name(file: str) -> bool:
    """Whether a file's name says that it only drafts."""
    return bool(_DRAFTS.match(file))


def _is_draft(model: UsableModel) -> bool:
    return model.facts.architecture in DRAFTERS or is_draft_name(model.file.name)


# ---- projectors ----


def _join(models: Sequence[UsableModel], projectors: Sequence[UsableModel], out: Sorted) -> None:
    """Give each model the best of the projectors that are its own."""
    bases = _bases(models)
    used, second = set[ModelFile](), set[ModelFile]()
    for model in models:
        own = [p for p in projectors if _belongs(p, model, bases)]
        own.sort(key=lambda p: (not _is_namesake(p, model), *_preference(p)))
        best = own[0].file if own else None
        used |= {p.file for p in own[:1]}
        second |= {p.file for p in own[1:]}
        out.models.append(UsableModel(model.file, model.facts, model.use, best))
    for projector in projectors:
        if projector.file not in used:
            out.left_out.append(LeftOut(projector.file.path, _unused(projector, second)))


def _bases(models: Iterable[UsableModel]) -> Mapping[object, set[str]]:
    """The models of each folder by their names without the quantisation."""
    bases = defaultdict[object, set[str]](set)
    for model in models:
        bases[model.file.home].add(name_of(model.file.name).bare)
    return bases


def _belongs(projector: UsableModel, model: UsableModel, bases: Mapping[object, set[str]]) -> bool:
    """By its name, or because nothing else lies there.

    In the top folder (and any other that holds several models) the names decide: a model with
    another's projector does not load.
    """
    if projector.file.home != model.file.home:
        return False
    beside = bases[model.file.home]
    own = name_of(projector.file.name).bare
    if len(beside) == 1 and (not own or model.file.repository):
        return True
    titles = {_letters(projector.facts.name), _letters(model.facts.name)}
    is_title = len(titles) == 1 and "" not in titles
    return is_title or _is_namesake(projector, model) or _is_start(own, model, beside)


def _is_namesake(projector: UsableModel, model: UsableModel) -> bool:
    own = name_of(projector.file.name).bare
    return bool(own) and own == name_of(model.file.name).bare


def _is_start(own: str, model: UsableModel, beside: Iterable[str]) -> bool:
    """Whether it is the beginning of this model's name, and of no other's."""
    starting = [base for base in beside if own and base.startswith(own)]
    return starting == [name_of(model.file.name).bare]


def _letters(text: str) -> str:
    return re.sub(r"\W|_", "", text.lower())


def _preference(projector: UsableModel) -> tuple[int, str]:
    quantisation = (projector.facts.file_type or "").rpartition("MOSTLY_")[2].removeprefix("ALL_")
    kind = quantisation or name_of(projector.file.name).quantisation.upper()
    place = PREFERRED.index(kind) if kind in PREFERRED else len(PREFERRED)
    return place, projector.file.name


def _unused(projector: UsableModel, second: Iterable[ModelFile]) -> str:
    if projector.file in second:
        return "a projector; a better one of the same model is used"
    return "a projector, and its name fits no model: write MMPROJ = (its path) for the model that it belongs to"
