"""The text of a drafted models.conf: sections with their facts and reasons as comments. Pure."""

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from paddock.config.claims import billions
from paddock.config.model_folder import LeftOut
from paddock.config.model_kinds import Model
from paddock.llama.gguf import Facts
from paddock.placement.draft import Entry
from paddock.placement.draft_machine import Machine
from paddock.placement.words import gib

_WIDTH = 100
_MIB = 1 << 20
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
    "memory": "The longest that fits on the {gpus} beside the weights; it takes {mib}. Trained are {trained}.",
    "experts": "The {gpus} cannot hold all of the model: experts of some layers will lie in RAM, which a mixture "
    "bears. The context takes {mib}; trained are {trained}.",
    "layers": "The {gpus} cannot hold all of the model: some layers will lie in RAM, and it will be slow. Hence a "
    "moderate context; it takes {mib}, trained are {trained}.",
    "ram": "A moderate one, since all lies in RAM; it takes {mib}. Trained are {trained}.",
    "too-large": "The model is larger than the memory that there is, and the machine would swap. With "
    "`on-swap = refuse` Paddock would not load it.",
    "input": "Shared by the inputs that are read at the same time.",
}
_USES = {
    "embeddings": "For embeddings only: it answers at /v1/embeddings.",
    "reranking": "For reranking only: it answers at /v1/rerank.",
}


@dataclass(frozen=True, slots=True)
class Draft:
    """All that a models.conf will say. `place` gives a path as the file should name it."""

    folder: Path
    today: date
    machine: Machine
    entries: Sequence[Entry]
    drafts: Sequence[Model]
    left_out: Sequence[LeftOut]
    place: Callable[[Path], str]


def text(draft: Draft) -> str:
    """The file, without errors or warnings for who reads it as models.conf."""
    head = _HEAD.format(folder=_plain(str(draft.folder)), today=draft.today)
    parts = [
        [f"# {line}".rstrip() for line in head.splitlines()],
        list(_shared(draft.machine, draft.today)),
        *(list(_section(entry, draft)) for entry in draft.entries),
        list(_drafts(draft)),
        list(_left_out(draft)),
    ]
    return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


# ---- [*] ----


def _shared(machine: Machine, today: date) -> Iterator[str]:
    yield "[*]"
    yield "# What every profile starts from; a key in a section goes over it."
    if not machine.cards:
        yield from _comment(_no_gpu(machine))
        return
    yield from _comment(f"MiB that llama.cpp leaves free on {_order(machine, today)}:")
    yield from (f"#   {_plain(str(card))}" for card in machine.cards)
    if machine.idle:
        yield from _comment(f"The engine does not use {_plain(', '.join(machine.idle))}.")
    yield f"FIT_TARGET = {machine.target}"


def _no_gpu(machine: Machine) -> str:
    if machine.idle:
        idle = _plain(", ".join(machine.idle))
        return f"The engine ({machine.engine}) sees no GPU, although there is {idle}: `paddock doctor`."
    return "No GPU was found: everything will lie in RAM."


def _order(machine: Machine, today: date) -> str:
    if len(machine.cards) == 1:
        return "the GPU"
    if "," not in machine.target:
        return "each GPU"
    if machine.engine:
        return (
            f"each GPU, in the order of the engine ({machine.engine}, asked on {today}). It changes "
            "with CUDA_DEVICE_ORDER and CUDA_VISIBLE_DEVICES: `paddock plan` shows it"
        )
    return (
        "each GPU, in the order of the drivers, for no engine could be asked: "
        f"{_plain(machine.problem) or 'it does not tell'}. CUDA has that order only with "
        "CUDA_DEVICE_ORDER=PCI_BUS_ID: compare with `paddock plan`"
    )


# ---- a profile ----


def _section(entry: Entry, draft: Draft) -> Iterator[str]:
    model = entry.model
    yield f"[{entry.id}]"
    yield from _comment(f"Facts of the file, {draft.today}: {'; '.join(facts_told(model.facts))}.")
    if model.facts.recurrent_layers:
        yield from _comment(
            "Its recurrent state cannot forget: leave context-shift off, as it is by itself."
        )
    yield f"MODEL = {draft.place(model.file.path)}"
    if model.projector:
        yield "# Its projector, for pictures or sound."
        yield f"MMPROJ = {draft.place(model.projector.path)}"
    yield from _comment(_reason(entry, "GPUs" if draft.machine.cards[1:] else "GPU"))
    yield f"CTX_SIZE = {entry.context.tokens}"
    yield from _use(entry)


def _reason(entry: Entry, gpus: str) -> str:
    tokens = entry.model.facts.n_ctx_train
    trained = f"{tokens:,} tokens" if tokens else "nobody knows how many"
    words = _CONTEXT[entry.context.reason]
    return words.format(trained=trained, mib=gib(entry.context.mib), gpus=gpus)


def _use(entry: Entry) -> Iterator[str]:
    use = entry.model.use
    if use == "chat":
        return
    yield f"# {_USES[use]}"
    yield f"{use} = true"
    if entry.ubatch:
        yield "# The longest input, in tokens: it must fit into one ubatch."
        yield f"ubatch-size = {entry.ubatch}"


def facts_told(facts: Facts) -> Iterator[str]:
    """What the header says, in a few short parts."""
    if facts.name:
        yield _plain(textwrap.shorten(facts.name, _LONGEST_NAME, placeholder=" …"))
    yield ", ".join(_shape(facts))
    yield ", ".join(_bytes(facts))
    if facts.n_ctx_train:
        yield f"trained with {facts.n_ctx_train:,} tokens of context"
    if facts.template:
        yield f"its template mentions {', '.join(facts.template)}"


def _shape(facts: Facts) -> Iterator[str]:
    used, experts = facts.experts_used, facts.experts
    yield _plain(facts.architecture)
    yield f"MoE ({used} of {experts} experts)" if experts else "dense"
    if facts.n_params:
        yield f"{billions(facts.n_params)} parameters"
    yield f"{facts.n_layers} layers"
    if facts.recurrent_layers:
        yield f"{facts.recurrent_layers} of them recurrent"
    if facts.windowed_layers:
        yield f"{facts.windowed_layers} of them with a window of {facts.window:,} tokens"


def _bytes(facts: Facts) -> Iterator[str]:
    yield gib(facts.size_bytes / _MIB)
    if facts.file_type:
        yield _plain(facts.file_type.removeprefix("MOSTLY_").removeprefix("ALL_"))
    if facts.shards[1:]:
        yield f"in {len(facts.shards)} shards"


# ---- what gets no profile ----


def _drafts(draft: Draft) -> Iterator[str]:
    if draft.drafts:
        yield "# Draft models make another model faster: write the line into that one's section."
    for model in draft.drafts:
        yield f"#   model-draft = {draft.place(model.file.path)}"


def _left_out(draft: Draft) -> Iterator[str]:
    if draft.left_out:
        yield "# Left out:"
    for one in draft.left_out:
        yield from _comment(f"{told_path(one.path, draft.folder)}: {one.why}", indent="  ")


def told_path(path: Path, folder: Path) -> str:
    """From the folder on, fit for a line."""
    inside = path.relative_to(folder) if path.is_relative_to(folder) else path
    return _plain(str(inside))


def _comment(words: str, *, indent: str = "") -> Iterable[str]:
    return textwrap.wrap(
        _plain(words),
        _WIDTH,
        initial_indent=f"# {indent}",
        subsequent_indent=f"# {indent}{indent}",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _plain(words: str) -> str:
    """Whoever made a file must not write lines of ours."""
    return "".join(c if c.isprintable() else "?" for c in words)
