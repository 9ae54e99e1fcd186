"""The tables of all keys that models.conf knows besides llama-server's own flags."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from paddock.config import values
from paddock.llama.flags import FlagSet, parse_help

EXTRA_ARGS = "extra_args"

# Wrapper keys that stand for a flag. `MODEL` and `MMPROJ` are files and looked up as such.
WRAPPER_FLAGS = {
    "model": "--model",
    "mmproj": "--mmproj",
    "ctx_size": "--ctx-size",
    "n_gpu_layers": "--n-gpu-layers",
    "split_mode": "--split-mode",
    "tensor_split": "--tensor-split",
    "main_gpu": "--main-gpu",
    "flash_attn": "--flash-attn",
    "kv_cache_type_k": "--cache-type-k",
    "kv_cache_type_v": "--cache-type-v",
    "fit": "--fit",
    "fit_target": "--fit-target",
    "fit_ctx": "--fit-ctx",
}


@dataclass(frozen=True, slots=True)
class FieldKey:
    """A key that sets a field of the profile itself."""

    field: str
    read: Callable[[str], object]  # raises ValueError, with words for people
    shared: bool = True  # may stand in `[*]`


WRAPPER_FIELDS = {
    "name": FieldKey("title", str),
    "description": FieldKey("description", values.one_line),
    "speed": FieldKey("speed_text", str),
}

PADDOCK_KEYS = {
    "aliases": FieldKey("aliases", values.names, shared=False),
    "ttl": FieldKey("ttl", values.seconds),
    "pin": FieldKey("pin", values.boolean),
    "priority": FieldKey("priority", values.integer),
    "preload": FieldKey("preload", values.boolean),
    "engine": FieldKey("engine", values.engine),
    "hidden": FieldKey("hidden", values.boolean),
    "concurrency": FieldKey("concurrency", values.count),
    "replicas": FieldKey("replicas", values.positive),
    "rpc-nodes": FieldKey("rpc_nodes", values.names),
    "keep-context": FieldKey("keep_context", values.switch_or("auto")),
    "sampler-policy": FieldKey("client_samplers", values.sampler_policy),
    "on-swap": FieldKey("on_swap", values.one_of("warn", "refuse")),
    "probe": FieldKey("probe", values.boolean),
    "load-mode-choice": FieldKey("load_mode_choice", values.one_of("auto", "off")),
    "replay-fit": FieldKey("replay_fit", values.one_of("auto", "off")),
    "overlap": FieldKey("overlap", values.one_of("auto", "off")),
    "stop-timeout": FieldKey("stop_timeout", values.seconds),
    "source": FieldKey("source", values.one_line, shared=False),
}

# Keys of a section with `variant-of`, besides samplers, names and `sampler-policy`: all for its requests.
VARIANT_KEYS = {
    "variant-of": FieldKey("", str),
    "chat-template-kwargs": FieldKey("template_arguments", values.json_object),
    "reasoning": FieldKey("thinking", values.boolean),
    "reasoning-effort": FieldKey("effort", str.lower),
    "reasoning-budget": FieldKey("budget", values.integer),
    "system-prompt": FieldKey("system_prompt", str),
    "system-prompt-mode": FieldKey("replaces_system", values.before_or_instead),
    "max-tokens": FieldKey("max_tokens", values.positive),
    "max-tokens-limit": FieldKey("max_tokens_limit", values.positive),
    "stop": FieldKey("stop", values.stop_words),
}

# llama-server's flags that a request can say as well, in the form of a help text.
VARIANT_FLAGS: FlagSet = parse_help(
    """
--temp, --temperature N
--top-k N
--top-p N
--min-p N
--top-nsigma, --top-n-sigma N
--xtc-probability N
--xtc-threshold N
--typical, --typical-p N
--repeat-last-n N
--repeat-penalty N
--presence-penalty N
--frequency-penalty N
--dry-multiplier N
--dry-base N
--dry-allowed-length N
--dry-penalty-last-n N
--dynatemp-range N
--dynatemp-exp N
--mirostat N
--mirostat-lr N
--mirostat-ent N
-rea, --reasoning STRING                (env: LLAMA_ARG_REASONING)
--reasoning-effort LEVEL                (env: LLAMA_ARG_REASONING_EFFORT)
--reasoning-budget N                    (env: LLAMA_ARG_THINK_BUDGET)
--chat-template-kwargs STRING           (env: LLAMA_CHAT_TEMPLATE_KWARGS)
"""
)

# llama.cpp's preset-only keys, and its flags that mean the same as a key of ours.
PRESET_KEYS = {"alias": "aliases", "load-on-startup": "preload"}
IGNORED = frozenset({"version", "tags", "dedup-cache-models"})

# Flags that Paddock itself gives to every instance; llama.cpp's router keeps the same ones for itself.
RESERVED = re.compile(r"--(host|port|alias|api-key|api-key-file|ssl-.+|models-.+)")

# Flags that print something and end: an instance with one of them would never become ready.
EXITING = frozenset(
    {"--help", "--usage", "--version", "--list-devices", "--cache-list", "--completion-bash"}
)

# Flags that make llama-server download the model itself.
REMOTE = frozenset({"--hf-repo", "--model-url", "--docker-repo"})

# Flags that name a draft model.
DRAFTS = ("--model-draft", "--hf-repo-draft")

# Files that need not be there beside such a flag.
FETCHED = {
    "--model": REMOTE,
    "--mmproj": frozenset({"--mmproj-url"}),
    "--model-draft": frozenset({"--hf-repo-draft"}),
}

# What the help does not say about a value, by canonical flag: pattern, and the words for it.
VALUE_RULES = {
    "--n-gpu-layers": (re.compile(r"-?\d+|auto|all"), "a number, `auto` or `all`"),
    "--ctx-size": (re.compile(r"\d+"), "a number of tokens"),
    "--fit-ctx": (re.compile(r"\d+"), "a number of tokens"),
    "--main-gpu": (re.compile(r"\d+"), "the number of a GPU"),
    "--tensor-split": (
        re.compile(r"[\d.]+([,/] ?[\d.]+)*"),
        "proportions with commas, such as `3,1`",
    ),
    "--fit-target": (re.compile(r"\d+(, ?\d+)*"), "MiB, one number or one per device"),
}

# The wrapper keys' flags and the ones that Paddock must recognise, in the form of a help text: what
# is known of llama-server while no engine is installed.
WELL_KNOWN: FlagSet = parse_help(
    """
-c,    --ctx-size N                     (env: LLAMA_ARG_CTX_SIZE)
-fa,   --flash-attn [on|off|auto]       (env: LLAMA_ARG_FLASH_ATTN)
-ctk,  --cache-type-k TYPE              (env: LLAMA_ARG_CACHE_TYPE_K)
-ctv,  --cache-type-v TYPE              (env: LLAMA_ARG_CACHE_TYPE_V)
-ngl,  --gpu-layers, --n-gpu-layers N   'auto', or 'all' (env: LLAMA_ARG_N_GPU_LAYERS)
-sm,   --split-mode MODE                (env: LLAMA_ARG_SPLIT_MODE)
-ts,   --tensor-split N0,N1,N2,...      (env: LLAMA_ARG_TENSOR_SPLIT)
-mg,   --main-gpu INDEX                 (env: LLAMA_ARG_MAIN_GPU)
-fit,  --fit [on|off]                   (env: LLAMA_ARG_FIT)
-fitt, --fit-target MiB0,MiB1,MiB2,...  (env: LLAMA_ARG_FIT_TARGET)
-fitc, --fit-ctx N                      (env: LLAMA_ARG_FIT_CTX)
-m,    --model FNAME                    (env: LLAMA_ARG_MODEL)
-md,   --model-draft FNAME              (env: LLAMA_ARG_SPEC_DRAFT_MODEL)
-mm,   --mmproj FILE                    (env: LLAMA_ARG_MMPROJ)
-mu,   --model-url MODEL_URL            (env: LLAMA_ARG_MODEL_URL)
-dr,   --docker-repo [<repo>/]<model>[:quant]
                                        (env: LLAMA_ARG_DOCKER_REPO)
-hf,   -hfr, --hf-repo <user>/<model>[:quant]
                                        (env: LLAMA_ARG_HF_REPO)
-a,    --alias STRING                   (env: LLAMA_ARG_ALIAS)
--host HOST                             (env: LLAMA_ARG_HOST)
--port PORT                             (env: LLAMA_ARG_PORT)
--api-key KEY                           (env: LLAMA_API_KEY)
"""
)


def own_keys() -> tuple[str, ...]:
    """All our own keys as people write them, for the documentation and for guesses."""
    wrapper = (*WRAPPER_FIELDS, *WRAPPER_FLAGS, EXTRA_ARGS)
    return (*(key.upper() for key in wrapper), *PADDOCK_KEYS, *PRESET_KEYS, *VARIANT_KEYS)
