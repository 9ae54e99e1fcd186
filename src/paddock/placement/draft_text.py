"""The text of a drafted models.conf: sections with their facts and reasons as comments. Pure."""

import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from paddock.config.claims import billions
from paddock.config.model_folder import LeftOut
from paddock.config.model_kinds import UsableModel, needs_spec_type
from paddock.figures.units import count
from paddock.llama.gguf import Facts
from paddock.placement.advice_margins import BUSY_MARGIN, QUIET_MARGIN
from paddock.placement.draft import DraftEntry
from paddock.placement.draft_machine import Machine
from paddock.placement.words import gib

_WIDTH = 100
_MIB = 1 << 20
_TOGETHER = re.compile(r"`[^`]*`|\d (?=[GM]iB|B |M |layers|tokens)")
_LONGEST_NAME = 80  # letters of a name that the file's maker chose

_HEAD = """\
Models of {folder}, as `paddock init` found them on {today}.

A section is a profile; its name is the model id that clients send. Change whatever you like:
`paddock check` finds mistakes, `paddock show PROFILE` prints the command line that comes out,
`paddock plan --all` shows where each would lie. All keys: docs/configuration.md.
Facts are what a file's header said on that day; the rest is a proposal."""

_CONTEXT = {
    "trained": "All of the context that it was trained with: it fits on the {gpus} beside the weights, and takes {mib}.",
    "enough": "It fits on the {gpus} beside the weights, and takes {mib}. Trained are {trained}, more than most can use.",
    "memory": "About the longest that fits on the {gpus} beside the weights; it takes {mib}. Trained are {trained}.",
    "experts": "The {gpus} cannot hold all of the model: experts of some layers will lie in RAM, which a mixture "
    "bears. The context takes {mib}; trained are {trained}.",
    "layers": "The {gpus} cannot hold all of the model: some layers will lie in RAM, and it will be slow. Hence a "
    "moderate context; it takes {mib}, trained are {trained}.",
    "ram": "A moderate one, since all lies in RAM; it takes {mib}. Trained are {trained}.",
    "whole": "All of the context that it was trained with; it takes {mib}.",
    "too-large": "The model is larger than the memory that there is, and the machine would swap. With "
    "`on-swap = refuse` Paddock would not load it.",
    "input": "Shared by the inputs that are read at the same time.",
}
_NO_FIT = (
    "The engine has no --fit, which places layers by the memory that is free. Install a newer one, or write "
    "N_GPU_LAYERS for each profile."
)
_USES = {
    "embeddings": "For embeddings only: it answers at /v1/embeddings.",
    "reranking": "For reranking only: it answers at /v1/rerank.",
}


@dataclass(frozen=True, slots=True)
class DraftOutline:
    """All that goes into a models.conf. `place` gives a path as the file should name it."""

    folder: Path
    today: date
    machine: Machine
    entries: Sequence[DraftEntry]
    drafts: Sequence[UsableModel]
    left_out: Sequence[LeftOut]
    place: Callable[[Path], str]


def text(outline: DraftOutline) -> str:
    """The file's text, which has no errors or warnings as a models.conf."""
    head = _HEAD.format(folder=_plain(str(outline.folder)), today=outline.today)
    parts = [
        [f"# {line}".rstrip() for line in head.splitlines()],
        list(_shared(outline.machine, outline.today)),
        *(list(_section(entry, outline)) for entry in outline.entries),
        list(_drafts(outline)),
        list(_left_out(outline)),
    ]
    return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


def sections(outline: DraftOutline) -> str:
    """The profiles' sections alone, as they can stand at the end of a models.conf."""
    return "\n\n".join("\n".join(_section(entry, outline)) for entry in outline.entries) + "\n"


# ---- [*] ----


def _shared(machine: Machine, today: date) -> Iterator[str]:
    yield "[*]"
    yield "# What every profile starts from; a key in a section goes over it."
    if not machine.cards:
        yield from _comment(_no_gpu(machine))
        return
    if not machine.fits:
        yield from _comment(_NO_FIT)
        return
    yield from _comment(_margins(machine))
    yield from _comment(_order(machine, today))
    yield from (f"#   {_plain(str(card))}" for card in machine.cards)
    if machine.idle:
        yield from _comment(f"The engine does not use {_plain(', '.join(machine.idle))}.")
    yield f"FIT_TARGET = {machine.target}"


def _no_gpu(machine: Machine) -> str:
    if machine.idle:
        idle = _plain(", ".join(machine.idle))
        return f"The engine ({machine.engine}) sees no GPU, although there is {idle}: `paddock doctor`."
    return "No GPU was found: everything will lie in RAM."


def _margins(machine: Machine) -> str:
    if not machine.cards[1:]:
        return "MiB that llama.cpp leaves free on the GPU when it loads a model."
    small = any(card.margin not in (QUIET_MARGIN, BUSY_MARGIN) for card in machine.cards)
    less = " A small GPU keeps a quarter of what it has." if small else ""
    return (
        f"MiB that llama.cpp leaves free on each GPU when it loads a model: {QUIET_MARGIN} do where a GPU "
        f"only computes, {BUSY_MARGIN} leave room for windows and other programs.{less}"
    )


# Variables that put a backend's devices in another order.
_ORDERED_BY = (
    ("CUDA", "CUDA_DEVICE_ORDER or CUDA_VISIBLE_DEVICES"),
    ("ROCm", "HIP_VISIBLE_DEVICES or ROCR_VISIBLE_DEVICES"),
    ("Vulkan", "GGML_VK_VISIBLE_DEVICES"),
    ("SYCL", "ONEAPI_DEVICE_SELECTOR"),
)


def _order(machine: Machine, today: date) -> str:
    """The order of the margins, where they differ."""
    if "," not in machine.target:
        return ""
    if machine.engine:
        backends = {card.reading.name.rstrip("0123456789") for card in machine.cards}
        named = " or ".join(name for family, name in _ORDERED_BY if family in backends)
        change = (
            f" Other settings of {named} change it: check with `paddock plan`." if named else ""
        )
        return f"In the order of the engine ({_plain(machine.engine)}), which was asked on {today}.{change}"
    return (
        "In the order of the drivers, for no engine could be asked: "
        f"{_plain(machine.problem) or 'it names none'}. CUDA has that order only with "
        "CUDA_DEVICE_ORDER=PCI_BUS_ID: check with `paddock plan`."
    )


# ---- a profile ----


def _section(entry: DraftEntry, outline: DraftOutline) -> Iterator[str]:
    model = entry.model
    yield f"[{entry.id}]"
    if entry.alias:
        yield f"aliases = {entry.alias}"
    yield from _facts(model.facts, outline.today)
    if model.facts.recurrent_layers:
        yield from _comment(
            "Its recurrent state cannot forget: leave context-shift off, as it is by itself."
        )
    yield f"MODEL = {outline.place(model.file.path)}"
    if entry.source:
        yield "# Where it is from: `paddock pull --check` looks for a newer one."
        yield f"source = {entry.source}"
    if model.projector:
        yield "# Its projector, for pictures or sound."
        yield f"MMPROJ = {outline.place(model.projector.path)}"
    yield from _comment(_reason(entry, "GPUs" if outline.machine.cards[1:] else "GPU"))
    yield f"CTX_SIZE = {entry.context.tokens}"
    yield from _use(entry)


def _reason(entry: DraftEntry, gpus: str) -> str:
    tokens = entry.model.facts.n_ctx_train
    trained = f"{tokens:,} tokens" if tokens else "nobody knows how many"
    words = _CONTEXT[entry.context.reason]
    return words.format(trained=trained, mib=gib(entry.context.mib), gpus=gpus)


def _use(entry: DraftEntry) -> Iterator[str]:
    use = entry.model.use
    if use == "chat":
        return
    yield f"# {_USES[use]}"
    yield f"{use} = true"
    if entry.ubatch:
        yield "# The longest input, in tokens: it must fit into one ubatch."
        yield f"ubatch-size = {entry.ubatch}"


def _facts(facts: Facts, today: date) -> Iterator[str]:
    """The header's facts, in a few short lines."""
    name = textwrap.shorten(_plain(facts.name), _LONGEST_NAME, placeholder=" …")
    yield from _comment(f"Facts of the file, {today}{': ' if name else ''}{name}")
    yield from _comment(", ".join(_shape(facts)), indent="  ")
    yield from _comment(", ".join(_bytes(facts)), indent="  ")
    if facts.template:
        yield from _comment(f"its template mentions {', '.join(facts.template)}", indent="  ")


def _shape(facts: Facts) -> Iterator[str]:
    used, experts = facts.experts_used, facts.experts
    yield facts.architecture
    yield f"MoE ({used} of {experts} experts)" if experts else "dense"
    if facts.n_params:
        yield f"{billions(facts.n_params)} parameters"
    yield count(facts.n_layers, "layer")
    if facts.recurrent_layers:
        yield f"{facts.recurrent_layers} of them recurrent"
    if facts.windowed_layers:
        yield f"{facts.windowed_layers} of them with a window of {facts.window:,} tokens"
    if facts.nextn_layers:
        yield f"{facts.nextn_layers} of them for multi-token prediction"


def _bytes(facts: Facts) -> Iterator[str]:
    yield gib(facts.size_bytes / _MIB)
    if facts.file_type:
        yield facts.file_type.removeprefix("MOSTLY_").removeprefix("ALL_")
    if facts.shards[1:]:
        yield f"{len(facts.shards)} shards"
    if facts.n_ctx_train:
        yield f"trained with {facts.n_ctx_train:,} tokens of context"


# ---- what gets no profile ----


def _drafts(outline: DraftOutline) -> Iterator[str]:
    if outline.drafts:
        yield "# Draft models make another model faster: write the lines into that one's section."
    for model in outline.drafts:
        yield f"#   model-draft = {outline.place(model.file.path)}"
        if needs_spec_type(model.facts):
            yield "#   spec-type = draft-simple"


def _left_out(outline: DraftOutline) -> Iterator[str]:
    if outline.left_out:
        yield "# Left out:"
    for one in outline.left_out:
        yield from _comment(f"{plain_path(one.path, outline.folder)}: {one.why}", indent="  ")


def plain_path(path: Path, folder: Path) -> str:
    """The path from the folder on, as one printable line."""
    inside = path.relative_to(folder) if path.is_relative_to(folder) else path
    return _plain(str(inside))


def _comment(words: str, *, indent: str = "") -> Iterator[str]:
    """Wrapped as comment lines, never between a number and its unit or within backquotes."""
    together = _TOGETHER.sub(lambda found: found[0].replace(" ", "\0"), _plain(words))
    lines = textwrap.wrap(
        together,
        _WIDTH,
        initial_indent=f"# {indent}",
        subsequent_indent=f"# {indent}{indent}",
        break_long_words=False,
        break_on_hyphens=False,
    )
    yield from (line.replace("\0", " ") for line in lines)


def _plain(words: str) -> str:
    """On one line: a file's maker must not be able to add lines to models.conf."""
    return "".join(c if c.isprintable() else "?" for c in words)
