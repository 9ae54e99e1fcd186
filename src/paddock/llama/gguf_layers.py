"""What each layer keeps of a sequence: keys and values, all or within a window, or a state.

Which architecture does what is written in llama.cpp's sources only, not in the files: read from
build 11434, `src/llama-model.cpp` (`create_memory`, `load_hparams`), `src/llama-hparams.cpp` and
`load_arch_hparams` in `src/models/*.cpp`. What a file says itself goes first, so newer
architectures are mostly right too.
"""

from typing import NamedTuple

from paddock.llama.gguf_header import MOST_TOKENS, GgufHeader, padded

# ---- recurrent layers ----

# All layers (llm_arch_is_recurrent; falcon-h1 has attention beside it in each).
_ALL_RECURRENT = frozenset(
    {"mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7", "falcon-h1"}
)
_BOTH = frozenset({"falcon-h1"})
# Every nth layer has attention, also where the file does not say so.
_INTERVALS = {"qwen3next": 4, "qwen35": 4, "qwen35moe": 4, "qwen4exp": 4, "minimax-01": 8}
_MOST_VALUES = 1 << 40  # of one layer's state: more is no model, and too much for JSON
_FEED_FORWARD_ONLY = frozenset({"nemotron_h", "nemotron_h_moe"})  # some layers keep nothing at all


def recurrent(header: GgufHeader) -> tuple[bool, ...]:
    """Per layer, whether it keeps a state (llama_hparams::is_recr)."""
    n_layers, trunk = header.n_layers, header.n_trunk
    if (own := header.per_layer("{arch}.attention.recurrent_layers")) is not None:
        return padded(own, n_layers)
    if header.architecture in _ALL_RECURRENT:
        return (True,) * n_layers
    interval = header.number("{arch}.full_attention_interval")
    if interval := interval or _INTERVALS.get(header.architecture):
        return tuple(i < trunk and bool((i + 1) % interval) for i in range(n_layers))
    if not _state_values(header):
        return (False,) * n_layers
    return tuple(i < trunk and not busy for i, busy in enumerate(_has_other_work(header)))


def _has_other_work(header: GgufHeader) -> tuple[bool, ...]:
    """Layers with attention; of nemotron_h also those with nothing but a feed-forward network."""
    work = padded(_head_counts(header), header.n_layers)
    if header.architecture not in _FEED_FORWARD_ONLY:
        return work
    wide = padded(header.per_layer("{arch}.feed_forward_length") or (), header.n_layers)
    return tuple(a or b for a, b in zip(work, wide, strict=True))


def state_bytes(header: GgufHeader) -> int:
    """Of one sequence in all recurrent layers: f32, as llama_memory_recurrent is made."""
    values = _state_values(header)
    return 4 * values * sum(recurrent(header)) if values < _MOST_VALUES else 0


def _state_values(header: GgufHeader) -> int:
    """Of one layer: llama_hparams::n_embd_r() + n_embd_s()."""

    def of(key: str, default: int = 0) -> int:
        value = header.number(f"{{arch}}.{key}")
        return default if value is None else value

    embd = of("embedding_length")
    conv, inner, state = of("ssm.conv_kernel"), of("ssm.inner_size"), of("ssm.state_size")
    if wkv := of("wkv.head_size"):
        return embd * (of("token_shift_count", 2) + wkv)
    if cache := of("shortconv.l_cache"):
        return embd * (cache - 1) + state * inner
    heads = next(iter(header.per_layer("{arch}.attention.head_count") or ()), 0)
    if kda := of("kda.head_dim"):
        return heads * kda * (3 * (conv - 1 if conv else 3) + kda)
    if header.architecture == "minimax-01":
        return heads * of("attention.key_length", embd // heads if heads else 0) ** 2
    rolling = (conv - 1 if conv else 0) * (inner + 2 * of("ssm.group_count") * state)
    return rolling + state * inner


# ---- keys and values ----

# create_memory gives these none: they read a text once.
_WITHOUT_MEMORY = frozenset(
    {"bert", "jina-bert-v2", "jina-bert-v3", "nomic-bert", "nomic-bert-moe", "neo-bert",
     "eurobert", "wavtokenizer-dec", "modern-bert", "gemma-embedding", "dream", "llada",
     "llada-moe", "rnd1", "clef"}
)  # fmt: skip
_GEMMA3N_KEEPS = 20  # the first 20 layers; the others use the last ones' (src/models/gemma3n.cpp)


def kv_heads(header: GgufHeader) -> tuple[int, ...]:
    """Heads per layer; 0 where it keeps no keys and values in an ordinary context."""
    counts = enumerate(_head_counts(header))
    return tuple(n if keeps else 0 for (_, n), keeps in zip(counts, _keeps(header), strict=False))


def _head_counts(header: GgufHeader) -> tuple[int, ...]:
    """Without its own key there are as many as heads (load_hparams)."""
    own = header.per_layer("{arch}.attention.head_count_kv")
    heads = header.per_layer("{arch}.attention.head_count")
    return own or heads or (0,) * header.n_layers


def _keeps(header: GgufHeader) -> tuple[bool, ...]:
    if header.architecture in _WITHOUT_MEMORY:
        return (False,) * header.n_layers
    last = _layers_with_own(header)
    has_state = recurrent(header)
    if header.architecture in _BOTH:
        has_state = (False,) * header.n_layers
    return tuple(i < last and not state for i, state in enumerate(has_state))


def _layers_with_own(header: GgufHeader) -> int:
    """Layers from the first on; the others share theirs, or are there to predict further tokens.

    A file that is nothing but such layers (a draft) keeps them all.
    """
    if header.architecture == "gemma3n":
        return _GEMMA3N_KEEPS
    shared = header.number("{arch}.attention.shared_kv_layers") or 0
    return min(header.n_trunk or header.n_layers, header.n_layers - shared)


# ---- sliding windows ----


class _Swa(NamedTuple):
    """How an architecture slides. Its file may give another pattern, and mostly gives the window."""

    period: int  # set_swa_pattern: of so many layers one is full; 0: none is
    dense_first: bool = False  # the full one is the first of its period, not the last
    default: int | None = None  # tokens, where the file has no window
    fixed: int | None = None  # tokens, whatever the file says


_SWA = {
    "afmoe": _Swa(4),
    "cohere2": _Swa(4),
    "cohere2moe": _Swa(4, dense_first=True),
    "deepseek4": _Swa(0),
    "exaone4": _Swa(4, default=4096),
    "exaone-moe": _Swa(4, default=128),
    "gemma2": _Swa(2, default=4096),
    "gemma3": _Swa(6),
    "gemma3n": _Swa(5),
    "gemma-embedding": _Swa(6),
    "gpt-oss": _Swa(2),
    "laguna": _Swa(4, dense_first=True),
    "llama4": _Swa(4, default=8192, fixed=8192),
    "mellum": _Swa(4),
    "modern-bert": _Swa(3, dense_first=True),
    "muse-glimmer": _Swa(4),
    "olmo2": _Swa(4),
    "plamo3": _Swa(8),
    "smallthinker": _Swa(4, dense_first=True, fixed=4096),
}
_WITHOUT_STATE = frozenset({"lfm2", "lfm2moe"})  # here every layer that is not recurrent slides


def window(header: GgufHeader) -> int | None:
    """Tokens. None: every layer with attention sees the whole context."""
    if header.architecture == "phi3":  # switched off in llama.cpp
        return None
    if header.architecture == "exaone4" and header.n_trunk != 64:
        return None
    rule = _SWA.get(header.architecture)
    size = header.number("{arch}.attention.sliding_window", most=MOST_TOKENS)
    if size is None and rule:
        size = rule.default
    return (rule.fixed if rule and rule.fixed else size) if size else None


def windowed(header: GgufHeader) -> tuple[bool, ...] | None:
    """Per layer, whether it sees no more than the window. None where neither file nor table says."""
    if window(header) is None:
        return (False,) * header.n_layers
    key = "{arch}.attention.sliding_window_pattern"
    if (listed := header.listed(key)) is not None:
        return padded(listed, header.n_layers)
    if header.architecture in _WITHOUT_STATE:
        return tuple(not state for state in recurrent(header))
    rule = _SWA.get(header.architecture)
    period = header.number(key)
    return rule and _slides(header, rule if period is None else rule._replace(period=period))


def _slides(header: GgufHeader, rule: _Swa) -> tuple[bool, ...]:
    """llama_hparams::set_swa_pattern."""
    period, full = rule.period, 0 if rule.dense_first else rule.period - 1
    return tuple(
        i < header.n_trunk and (period == 0 or i % period != full) for i in range(header.n_layers)
    )
