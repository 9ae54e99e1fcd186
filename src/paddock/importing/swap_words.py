"""llama-swap's keys, at any depth, and why one is not in a models.conf.

A reason is empty where nothing is lost, or the key is carried over.
"""

from collections.abc import Iterator, Mapping
from typing import Any

_OWN_WAY = ""  # Paddock does it in its own way, without a setting
_LISTS = "Paddock decides by memory what stays loaded together: see `priority` and `pin`"

# What every sampler is called in a request.
SAMPLERS = frozenset(
    {
        "temperature", "top_k", "top_p", "min_p", "typical_p", "repeat_penalty", "repeat_last_n",
        "presence_penalty", "frequency_penalty", "seed", "mirostat", "mirostat_tau", "mirostat_eta",
    }
)  # fmt: skip

PROTECTED = frozenset({"", "model"})  # what llama-swap never strips

TOP_KEYS = {
    "models": "",
    "macros": "",
    "globalTTL": "",
    "hooks": "",
    "startPort": _OWN_WAY,
    "healthCheckTimeout": _OWN_WAY,
    "logLevel": _OWN_WAY,
    "logTimeFormat": _OWN_WAY,
    "logToStdout": _OWN_WAY,
    "metricsMaxInMemory": _OWN_WAY,
    "sendLoadingState": _OWN_WAY,
    "includeAliasesInList": _OWN_WAY,
    "captureBuffer": "Paddock keeps no copies of requests",
    "performance": _OWN_WAY,
    "ui": _OWN_WAY,
    "upstream": _OWN_WAY,
    "store": "Paddock keeps its history in its own state folder",
    "unloadTimeout": "write `stop-timeout` into [*] if the default is too short",
    "apiKeys": "keys are not copied: `api-keys` in paddock.toml",
    "groups": _LISTS,
    "matrix": _LISTS,
    "routing": f"{_LISTS}; priorities of models are carried over",
    "profiles": "one name stands for one profile: change `aliases`",
    "selectors": "one name stands for one profile: change `aliases`",
    "peers": "Paddock serves the models of this machine only",
}

MODEL_KEYS = {
    **dict.fromkeys(("cmd", "name", "description", "aliases", "macros", "env", "filters"), ""),
    **dict.fromkeys(("ttl", "unlisted", "concurrencyLimit", "unloadTimeout"), ""),
    **dict.fromkeys(("proxy", "checkEndpoint", "sendLoadingState", "timeouts", "compat"), _OWN_WAY),
    "useModelName": _OWN_WAY,  # llama-server takes any name
    "capabilities": _OWN_WAY,  # known from the model's file
    "cmdStop": "Paddock ends its llama-servers itself: see `stop-timeout`",
    "metadata": "Paddock's lists have no place for it",
}

_TIMEOUTS = frozenset(
    {"connect", "keepalive", "responseHeader", "tlsHandshake", "expectContinue", "idleConn"}
)
_GROUPS = {"*": frozenset({"swap", "exclusive", "persistent", "members"})}
_MATRIX = frozenset({"vars", "evict_costs", "sets"})
_FILTERS = frozenset({"stripParams", "strip_params", "setParams", "setParamsByID"})

# The tables in which llama-swap reads certain keys only; `*` is any name, what is not here holds any key.
_Tables = Mapping[str, Any]
_KNOWN: _Tables = {
    **dict.fromkeys(TOP_KEYS),
    "ui": {"activity": frozenset({"session_id"})},
    "performance": frozenset({"disabled", "every"}),
    "store": frozenset({"path"}),
    "upstream": frozenset({"ignorePaths"}),
    "hooks": {"on_startup": frozenset({"preload"})},
    "profiles": {"*": frozenset({"description", "pins"})},
    "selectors": {
        "*": {
            **dict.fromkeys(("strategy", "targets", "name", "description", "metadata", "unlisted")),
            "settings": frozenset({"spillover"}),
        }
    },
    "groups": _GROUPS,
    "matrix": _MATRIX,
    "routing": {
        "router": {"use": None, "settings": {"groups": _GROUPS, "matrix": _MATRIX}},
        "scheduler": {"use": None, "settings": {"fifo": frozenset({"priority"})}},
    },
    "peers": {
        "*": {
            **dict.fromkeys(("proxy", "models", "apiKey")),
            "filters": _FILTERS,
            "timeouts": _TIMEOUTS,
        }
    },
    "models": {
        "*": {
            **dict.fromkeys(MODEL_KEYS),
            "filters": _FILTERS,
            "timeouts": _TIMEOUTS,
            "compat": frozenset({"ignoreWebsockets"}),
            "capabilities": frozenset({"in", "out", "tools", "reranker", "context"}),
        }
    },
}


def strange(
    value: object, known: Any = None, above: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    """The path of every key that llama-swap does not read; `x-…` at the top only holds anchors."""
    known = _KNOWN if not above else known
    if known is None or not isinstance(value, dict):
        return
    for key, inside in value.items():
        if isinstance(known, frozenset):
            if key not in known:
                yield (*above, key)
        elif not above and key.startswith(("x-", ".")):
            continue
        elif key in known or "*" in known:
            yield from strange(inside, known.get(key, known.get("*")), (*above, key))
        else:
            yield (*above, key)
