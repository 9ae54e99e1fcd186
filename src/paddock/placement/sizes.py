"""How much memory a model takes, by its file's facts and its profile's flags, in MiB. Pure.

The sizes are a little too large on purpose. Defaults and behaviour are those of build 11434.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from paddock.config.profile import Profile
from paddock.llama.gguf import Facts
from paddock.placement.devices import fits_itself
from paddock.placement.shares import LayerSizes

STEP = 256  # tokens, by which fit cuts a context and caches are rounded
_MIB = 1 << 20
# llama-server's defaults: tokens of a ubatch, slots, and fit's least context (--fit-ctx).
_UBATCH, _SLOTS, _LEAST_CONTEXT = 512, 4, 4096

# Bytes per value of a cache type: a block's size over its values (ggml's GGML_QUANT_SIZES).
_CACHE_BYTES: Mapping[str, float] = {
    "f32": 4, "f16": 2, "bf16": 2,
    "q8_0": 34 / 32, "q5_1": 24 / 32, "q5_0": 22 / 32, "q4_1": 20 / 32, "q4_0": 18 / 32,
    "iq4_nl": 18 / 32,
}  # fmt: skip


def logits_mib(facts: Facts, ubatch: int) -> int:
    """MiB of compute buffer for the logits of a whole ubatch, f32.

    llama-server of build 11434 keeps one row a slot; llama-fit-params (and older servers) keep all:
    measured, 298 MiB at 512 tokens and 151,936 words.
    """
    return ceil((facts.n_vocab or 0) * ubatch * 4 / _MIB)


def context_mib(facts: Facts, tokens: int, type_k: str, type_v: str, *, slots: int = 1) -> int:
    """MiB of keys, values and recurrent state for a context of so many tokens."""
    cache = _Cache(tokens, type_k, type_v, slots)
    return ceil(sum(cache.of(facts, layer) for layer in range(facts.n_layers)))


def value(profile: Profile, name: str, default: str) -> str:
    """The profile's value of the flag of this canonical name."""
    flag = profile.flag(name)
    return flag.values[0] if flag and flag.values else default


def number(profile: Profile, name: str, default: int) -> int:
    text = value(profile, name, "")
    return int(text) if text.isdecimal() else default


def streams_of(profile: Profile) -> int:
    """Caches that have their part of the context each: the slots', unless all share one.

    They do where llama-server chooses the number of slots itself (build 11434).
    """
    is_auto = not value(profile, "--parallel", "-1").isdecimal()
    if is_auto or profile.flag("--kv-unified"):
        return 1
    return max(1, number(profile, "--parallel", _SLOTS))


@dataclass(frozen=True, slots=True)
class _Cache:
    """How a context is kept."""

    tokens: int
    type_k: str
    type_v: str
    slots: int
    streams: int = 1
    ubatch: int = _UBATCH

    def of(self, facts: Facts, layer: int) -> float:
        """MiB of one layer: keys and values, or a state for each slot."""
        state = 0.0
        if layer < len(facts.recurrent) and facts.recurrent[layer]:
            state = facts.state_bytes * self.slots / facts.recurrent_layers
        heads = _at(facts.kv_heads, layer)
        keys = (facts.key_length or 0) * _cache_bytes(self.type_k)
        values = (facts.value_length or 0) * _cache_bytes(self.type_v)
        return (heads * (keys + values) * self._cells(facts, layer) + state) / _MIB

    def _cells(self, facts: Facts, layer: int) -> int:
        """A window is kept for each slot, with one ubatch more (llama-kv-cache-iswa.cpp)."""
        slides = facts.windowed or ()
        if not facts.window or layer >= len(slides) or not slides[layer]:
            return self.tokens
        cells = facts.window * self.slots + self.ubatch * self.streams
        return min(self.tokens, ceil(cells / STEP) * STEP)


@dataclass(frozen=True, slots=True)
class Needs:
    """Of one profile and its model's facts."""

    profile: Profile
    facts: Facts

    @property
    def slots(self) -> int:
        return number(self.profile, "--parallel", _SLOTS)

    @property
    def streams(self) -> int:
        return streams_of(self.profile)

    @property
    def ubatch(self) -> int:
        return number(self.profile, "--ubatch-size", _UBATCH)

    @property
    def tokens(self) -> int:
        """The context that is asked for; else the trained one, which fit gives to each stream."""
        times = self.streams if fits_itself(self.profile) else 1
        return self.profile.ctx_size or (self.facts.n_ctx_train or _LEAST_CONTEXT) * times

    @property
    def least_tokens(self) -> int:
        """The context that fit leaves at least."""
        return number(self.profile, "--fit-ctx", _LEAST_CONTEXT) * self.streams

    @property
    def experts_kept(self) -> int:
        """Layers, from the first on, whose experts the profile keeps in RAM."""
        if self.profile.flag("--cpu-moe"):
            return self.facts.n_layers
        return number(self.profile, "--n-cpu-moe", 0)

    @property
    def beside(self) -> int:
        """Files that go where the model's first part goes: its projector, and a draft model."""
        draft = value(self.profile, "--model-draft", "")
        files = [self.profile.mmproj, Path(draft) if draft else None]
        return ceil(sum(file.stat().st_size for file in files if file and file.is_file()) / _MIB)

    def layers(self, tokens: int) -> list[LayerSizes]:
        """The model's own, and its output as one more."""
        facts = self.facts
        type_k = value(self.profile, "--cache-type-k", "f16")
        type_v = value(self.profile, "--cache-type-v", "f16")
        cache = _Cache(tokens, type_k, type_v, self.slots, self.streams, self.ubatch)
        own = [
            LayerSizes(
                weights=_at(facts.layer_bytes, i) / _MIB,
                experts=_at(facts.expert_bytes, i) / _MIB,
                context=cache.of(facts, i),
            )
            for i in range(facts.n_layers)
        ]
        return [*own, LayerSizes(facts.output_bytes / _MIB, 0.0, 0.0)]

    def work(self) -> float:
        """A graph's intermediate values for one ubatch: each matrix makes rows as wide as itself.

        Measured with the embeddings and without masks: 116 MiB of an 8B llama, where this comes to
        136, and 84 of a 30B-A3B (102). Where the logits of a whole ubatch are more, those.
        """
        facts = self.facts
        active = facts.experts_used / facts.experts if facts.experts else 0.0
        layers = zip(facts.layer_bytes, facts.expert_bytes, strict=False)
        widest = max((layer + experts * active for layer, experts in layers), default=0.0)
        elements = 8 * widest / (facts.bits_per_weight or 8)
        values = elements / (facts.n_embd or 1) + facts.experts_used * (facts.n_embd or 0)
        return max(self.ubatch * 4 * values / _MIB, logits_mib(facts, self.ubatch))

    def inputs(self, tokens: int) -> float:
        """What goes into a graph: embeddings, and a mask of 2 bytes for each pair of tokens."""
        mask = 2 * tokens / self.streams if self.facts.kv_layers else 0.0
        return self.ubatch * (mask + 4 * 4 * (self.facts.n_embd or 0)) / _MIB


def _at(values: Sequence[int], place: int) -> int:
    return values[place] if place < len(values) else 0


def _cache_bytes(cache_type: str) -> float:
    return _CACHE_BYTES.get(cache_type.lower(), 2)
