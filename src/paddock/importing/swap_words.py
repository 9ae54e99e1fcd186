"""Why a key of llama-swap is not in a models.conf; empty where nothing is lost, or it is carried over."""

_OWN_WAY = ""  # Paddock has a way of its own that needs no setting
_LISTS = "Paddock decides by memory what stays loaded together: see `priority` and `pin`"

# What every sampler is called in a request.
SAMPLERS = frozenset(
    {
        "temperature", "top_k", "top_p", "min_p", "typical_p", "repeat_penalty", "repeat_last_n",
        "presence_penalty", "frequency_penalty", "seed", "mirostat", "mirostat_tau", "mirostat_eta",
    }
)  # fmt: skip

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
    "capabilities": _OWN_WAY,  # the model's file tells
    "cmdStop": "Paddock ends its llama-servers itself: see `stop-timeout`",
    "metadata": "Paddock's lists have no place for it",
}
