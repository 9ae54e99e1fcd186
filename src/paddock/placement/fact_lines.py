"""A model file's facts in words, for `paddock show` and the dashboard alike."""

from collections.abc import Iterator
from pathlib import Path

from paddock.config.claims import billions
from paddock.config.profile import Profile
from paddock.llama.facts import read
from paddock.llama.gguf import Facts, GgufError
from paddock.placement.words import gib

_MIB = 1 << 20
_WRONG_KIND = {
    "projector": "give it as MMPROJ, and the model itself as MODEL",
    "adapter": "give it with --lora in EXTRA_ARGS, and the model itself as MODEL",
    "imatrix": "it is for quantising; MODEL wants a model",
}


def facts_of(profile: Profile, cache_dir: Path) -> tuple[Facts | None, str]:
    """The facts, or why there are none."""
    if profile.model is None:
        return None, "it is not here yet: it is fetched before the first load"
    try:
        return read(profile.model, cache_dir=cache_dir), ""
    except GgufError as error:
        return None, f"{error.message} ({error.hint})" if error.hint else error.message


def fact_lines(profile: Profile, facts: Facts) -> dict[str, str]:
    """Labels such as `layers` with their facts in words; what the file does not say is left out."""
    return {name: text for name, text in _rows(profile, facts) if text}


def _rows(profile: Profile, facts: Facts) -> Iterator[tuple[str, str]]:
    if facts.kind != "model":
        hint = _WRONG_KIND.get(facts.kind, "MODEL wants a model")
        yield "kind", f"{_plain(facts.kind)}, not a model: {hint}"
    yield "name", _plain(", ".join(filter(None, (facts.name, facts.size_label))))
    yield "architecture", f"{_plain(facts.architecture)}, {_experts(facts)}"
    yield "layers", _layers(facts)
    yield "context", _context(profile, facts)
    yield "size", _size(facts)
    yield "quantisation", _quantisation(facts)
    yield "template", _template(facts) if facts.kind == "model" else ""
    yield "vocabulary", f"{facts.n_vocab:,} tokens" if facts.n_vocab else ""
    yield "shards", str(len(facts.shards)) if facts.shards[1:] else ""
    yield "doubtful", _plain("; ".join(facts.doubts))


def _plain(text: str) -> str:
    """Without control characters: a file must not steer the terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _experts(facts: Facts) -> str:
    if not facts.experts:
        return "dense"
    return f"MoE, {facts.experts_used} of {facts.experts} experts"


def _layers(facts: Facts) -> str:
    """`48, KV in 12, recurrent in 36 (75 MiB a sequence)`."""
    if not facts.n_layers:
        return ""
    parts = [str(facts.n_layers), f"KV in {facts.kv_layers}" if facts.kv_layers else "no KV"]
    if facts.window:
        parts.append(f"sliding window of {facts.window:,} {_sliding(facts)}")
    if facts.recurrent_layers:
        state = facts.state_bytes / _MIB
        size = gib(state) if state >= 10 else f"{state:.1f} MiB"
        parts.append(f"recurrent in {facts.recurrent_layers} ({size} a sequence)")
    if facts.nextn_layers:
        parts.append(f"{facts.nextn_layers} for multi-token prediction")
    return ", ".join(parts)


def _sliding(facts: Facts) -> str:
    unknown = "(the file does not say in which)"
    return unknown if facts.windowed is None else f"in {facts.windowed_layers}"


def _context(profile: Profile, facts: Facts) -> str:
    trained = f"{facts.n_ctx_train:,} trained" if facts.n_ctx_train else ""
    asked = f"{profile.ctx_size:,} asked" if profile.ctx_size else ""
    return ", ".join(filter(None, (trained, asked)))


def _size(facts: Facts) -> str:
    parts = [gib(facts.size_bytes / _MIB)]
    if facts.n_params:
        parts.append(f"{billions(facts.n_params)} parameters")
    if facts.bits_per_weight:
        parts.append(f"{facts.bits_per_weight:.2f} bits per weight")
    return ", ".join(parts)


def _quantisation(facts: Facts) -> str:
    """The file's own name for it, and what there is of each type where there are several."""
    name = (facts.file_type or "").removeprefix("MOSTLY_").removeprefix("ALL_")
    total = sum(facts.types.values())
    shares = {kind: size / total for kind, size in facts.types.items() if size}
    mix = ", ".join(f"{kind} {share:.0%}" for kind, share in shares.items() if share >= 0.005)
    return f"{name} ({mix})" if name and mix != f"{name} 100%" else name or mix


def _template(facts: Facts) -> str:
    if not facts.has_template:
        return "none in the file"
    return f"mentions {', '.join(facts.template)}" if facts.template else "plain"
