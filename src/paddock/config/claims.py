"""Compares what people wrote about a model with what its file says. Pure.

Only what is unambiguous is a claim: nothing in a text that compares or denies, no number of layers in
a text about their placement, no key that was commented out. A wrong number of
parameters is more than a third off, since names round (gemma-2-2b has 2.6 B).
"""

import re
from collections.abc import Iterable, Iterator

from paddock.config.profile import Profile
from paddock.llama.gguf import Facts

_DENSE = re.compile(r"\bdense\b", re.IGNORECASE)
_MOE = re.compile(r"(?<!cpu-)\bmoe\b|\bmixture[- ]of[- ]experts\b", re.IGNORECASE)
# `30B` and `8x7B`; neither `A3B` (active) and `E4B` (effective) nor `24GB`, `4bit`.
_PARAMETERS = re.compile(r"(?<![\w.,])(?:(\d+)x)?(\d+(?:\.\d+)?)B\b", re.IGNORECASE)
_LAYERS = re.compile(r"(?<![\w.,/+-])(\d+)[ -]layers?\b(?! of\b)", re.IGNORECASE)
# Then it is about another model, or the other way round.
_OTHERS = re.compile(
    r"\b(?:not|non|isn't|than|vs|versus|like|unlike|instead|beside\w*|replac\w*|draft\w*|"
    r"speculat\w*)\b",
    re.IGNORECASE,
)
# Then it is about some of the layers.
_SOME_LAYERS = re.compile(
    r"\b(?:[gc]pus?|cuda\w*|v?ram|offload\w*|first|last|kv|recurrent|attention|window\w*|"
    r"n-?gpu\S*|n-?cpu\S*|ngl|cards?|devices?)\b",
    re.IGNORECASE,
)
_COMMENTED_OUT = re.compile(r"[#;]+\s*[\w-]+\s*=")


def contradictions(facts: Facts, texts: Iterable[str]) -> tuple[str, ...]:
    """Where the file says otherwise than these texts, each once: `the file says MoE, not dense`."""
    found = (line for text in texts for line in _of(facts, text))
    return tuple(dict.fromkeys(found))


def contradicted(facts: Facts, profile: Profile) -> tuple[str, ...]:
    """The same for all that was typed about a profile."""
    description = " ".join(profile.description.split())
    texts = (profile.title, description, profile.speed_text, *profile.comments)
    return contradictions(facts, texts)


def _of(facts: Facts, text: str) -> Iterator[str]:
    is_claim = not _COMMENTED_OUT.match(text) and not _OTHERS.search(text)
    if facts.kind == "model" and is_claim:
        yield from _experts(facts, text)
        yield from _parameters(facts, text)
        yield from _layers(facts, text)


def _experts(facts: Facts, text: str) -> Iterator[str]:
    says_dense, says_moe = bool(_DENSE.search(text)), bool(_MOE.search(text))
    if says_dense and not says_moe and facts.experts:
        yield "the file says MoE, not dense"
    if says_moe and not says_dense and not facts.experts:
        yield "the file says dense, not MoE"


def _parameters(facts: Facts, text: str) -> Iterator[str]:
    """One right number is enough: the others may be about other models."""
    claims = {m[0]: int(m[1] or 1) * float(m[2]) * 1e9 for m in _PARAMETERS.finditer(text)}
    if claims and facts.n_params and not any(_is_near(facts.n_params, c) for c in claims.values()):
        yield f"the file has {billions(facts.n_params)} parameters, not {next(iter(claims))}"


def _is_near(number: float, claimed: float) -> bool:
    return 3 * claimed <= 4 * number and 3 * number <= 4 * claimed


def _layers(facts: Facts, text: str) -> Iterator[str]:
    """llama.cpp counts the output as one more, and not those for multi-token prediction."""
    claimed = [int(number) for number in _LAYERS.findall(text)]
    trunk = facts.n_layers - facts.nextn_layers
    right = {facts.n_layers, facts.n_layers + 1, trunk, trunk + 1}
    if claimed and facts.n_layers and not right & set(claimed) and not _SOME_LAYERS.search(text):
        yield f"the file has {facts.n_layers} layers, not {claimed[0]}"


def billions(number: int) -> str:
    """`29.9 B`; below one billion `270 M`."""
    return f"{number / 1e9:.1f} B" if number >= 1e9 else f"{number / 1e6:.3g} M"
