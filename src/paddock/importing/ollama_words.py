"""Ollama's parameters, layers and instructions, and what becomes of each."""

from collections.abc import Mapping

from paddock.config.spellings import load_mode
from paddock.importing.page import Page, PageSection
from paddock.importing.yaml_file import items, text_of

# Older files of these were made for Ollama's own patches of llama.cpp (its llama/compat).
PATCHED = frozenset(
    {
        "gemma3", "gemma3n", "gemma4", "qwen35", "qwen35moe", "qwen3next", "qwen25vl", "qwen3vl",
        "gptoss", "glm4moelite", "mistral3", "llama4", "lfm2", "olmo3", "nemotron_h",
    }
)  # fmt: skip

FLAGS = {
    "num_ctx": "ctx-size", "temperature": "temp", "top_k": "top-k", "top_p": "top-p",
    "min_p": "min-p", "typical_p": "typical", "repeat_penalty": "repeat-penalty",
    "repeat_last_n": "repeat-last-n", "presence_penalty": "presence-penalty",
    "frequency_penalty": "frequency-penalty", "seed": "seed", "num_predict": "predict",
    "num_keep": "keep", "num_batch": "batch-size", "num_thread": "threads",
    "main_gpu": "main-gpu", "mirostat": "mirostat", "mirostat_tau": "mirostat-ent",
    "mirostat_eta": "mirostat-lr", "rope_frequency_base": "rope-freq-base",
    "rope_frequency_scale": "rope-freq-scale", "draft_num_predict": "spec-draft-n-max",
}  # fmt: skip

_MODES = {"use_mmap": "mmap", "use_mlock": "mlock"}
_PLACEMENT = "llama.cpp's fit places the layers: N_GPU_LAYERS = NUMBER if you must"
_NO_LONGER = "llama.cpp has no such setting any more, and Ollama passes it over too"

# Parameters that Ollama knows or knew and no flag stands for.
WITHOUT_FLAG = {
    "stop": "stop words are no flag of llama-server: clients send them",
    "num_gpu": _PLACEMENT,
    "low_vram": _PLACEMENT,
    "f16_kv": "the cache is f16 unless KV_CACHE_TYPE_K and KV_CACHE_TYPE_V say otherwise",
    "embedding_only": "write embeddings = true if the model is for nothing else",
    "num_gqa": "the GGUF contains it",
    **dict.fromkeys(("tfs_z", "penalize_newline", "logits_all", "vocab_only"), _NO_LONGER),
}

# Layers, and instructions of a Modelfile, that no key of a profile can hold.
LOST = {
    "system": "a system prompt is the client's to send",
    "template": "llama-server takes the chat template of the GGUF; another one: `chat-template-file`",
    "prompt": "llama-server takes the chat template of the GGUF; another one: `chat-template-file`",
    "messages": "example messages are the client's to send",
    "message": "example messages are the client's to send",
    "renderer": "Ollama's own way to write prompts; llama-server takes the chat template of the GGUF",
    "parser": "Ollama's own way to read replies; llama-server finds its own by the chat template",
    "embed": "Ollama's old way to keep embeddings",
}
SILENT = frozenset({"license", "requires"})  # nothing of what runs


def put_params(
    params: Mapping[str, tuple[object, str]], section: PageSection, notes: Page
) -> set[str]:
    """Put each parameter as a key, or note why it has none; returns the keys. `params`: value and place by name."""
    keys = {key: params[name] for name, key in FLAGS.items() if name in params}
    keys |= _mode(params)
    if "numa" in params and _is_on(params["numa"][0]):
        keys["numa"] = "distribute", params["numa"][1]
    for key, (value, where) in keys.items():
        section.add(key, text_of(_last(value)), where)
    if "draft_num_predict" in params:
        hint = "Ollama drafts then with the model's own layers for it: here `spec-type = draft-mtp` does"
        notes.note(params["draft_num_predict"][1], hint, "look")
    for name, (_, where) in params.items():
        if name not in (*FLAGS, *_MODES, "numa"):
            reason = WITHOUT_FLAG.get(
                name, "Ollama has no such parameter, and llama-server no such flag"
            )
            notes.note(where, reason)
    return set(keys)


def _mode(params: Mapping[str, tuple[object, str]]) -> dict[str, tuple[object, str]]:
    """The load mode of `use_mmap` and `use_mlock` together."""
    given = {mode: params[name] for name, mode in _MODES.items() if name in params}
    mode = load_mode({name: _is_on(value) for name, (value, _) in given.items()})
    return {"load-mode": (mode, next(iter(given.values()))[1])} if mode else {}


def _is_on(value: object) -> bool:
    return text_of(_last(value)).lower() in {"true", "1"}


def _last(value: object) -> object:
    """The value of a parameter; the last one where it was given several times."""
    return (items(value) or [None])[-1]
