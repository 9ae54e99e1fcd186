"""What an engine is tried on: small models of each architecture, or the user's own profiles."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from paddock.config.profile import Flag, Origin, Profile
from paddock.llama.scripted import ScriptedModel, write

Question = Literal["short", "100 tokens", "2,000 tokens", "tool call", "embedding", "reranking"]
PROMPTS: dict[Question, int] = {"short": 8, "100 tokens": 120, "2,000 tokens": 2000}  # tokens
TOOL = ("get_time", '{"zone":"UTC"}')
_OWN = Origin("paddock", "")


@dataclass(frozen=True, slots=True)
class TrialCase:
    """One load, and what is asked of it."""

    name: str
    profile: Profile
    questions: tuple[Question, ...]
    says: str = ""  # what it must answer; "" where that is unknown
    is_own: bool = False  # a model of the user's, big enough for its speed to mean something


# All that llama.cpp computes in another way: attention, experts, a sliding window, a recurrent
# state, and both in turn.
MODELS = {
    "dense": ScriptedModel(name="dense", say="I am dense."),
    "experts": ScriptedModel(name="experts", say="I have experts.", arch="qwen3moe"),
    "window": ScriptedModel(name="window", say="I see a window.", arch="gemma3"),
    "recurrent": ScriptedModel(name="recurrent", say="I come again.", arch="mamba"),
    "hybrid": ScriptedModel(name="hybrid", say="I am of both kinds.", arch="jamba"),
    "tools": ScriptedModel(name="tools", say="It is noon.", tool=TOOL),
}


def generated(folder: Path) -> list[TrialCase]:
    """The small models, written into `folder` (a few MB), and their cases."""
    cases = []
    for name, model in MODELS.items():
        path = write(folder / f"{name}.gguf", model)
        asks: tuple[Question, ...] = ("tool call",) if model.tool else tuple(PROMPTS)
        cases.append(TrialCase(name, of_file(name, path), asks, "" if model.tool else model.say))
    extra = (Flag("--embeddings", (), _OWN), Flag("--pooling", ("mean",), _OWN))
    embeds = of_file("embeddings", folder / "dense.gguf", *extra)
    ranks = of_file("reranking", folder / "dense.gguf", Flag("--reranking", (), _OWN))
    return [
        *cases,
        TrialCase("embeddings", embeds, ("embedding",)),
        TrialCase("reranking", ranks, ("reranking",)),
    ]


def of_profiles(profiles: Sequence[Profile]) -> list[TrialCase]:
    """Cases of one's own models, as they are configured; longer prompts than fit are left out."""
    return [TrialCase(profile.id, profile, _fitting(profile), is_own=True) for profile in profiles]


def _fitting(profile: Profile) -> tuple[Question, ...]:
    if profile.flag("--embeddings"):
        return ("embedding",)
    if profile.flag("--reranking"):
        return ("reranking",)
    room = profile.ctx_size or 4096
    return tuple(question for question, tokens in PROMPTS.items() if tokens + 256 <= room)


def of_file(name: str, path: Path, *extra: Flag) -> Profile:
    """The plainest profile of a model file."""
    given = {"--model": str(path), "--ctx-size": "4096", "--parallel": "1", "--threads": "2"}
    flags = tuple(Flag(flag, (value,), _OWN) for flag, value in given.items())
    return Profile(name, 0, path, (*flags, *extra))
