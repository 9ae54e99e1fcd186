"""llama-swap's names with request settings of their own (`setParamsByID`), as variants. Pure."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from paddock.importing.macros import Macros
from paddock.importing.page import PageSection
from paddock.importing.yaml_file import text_of
from paddock.llama.samplers import FLAG_OF

_KEYS = {
    **{name: name.replace("_", "-") for name in FLAG_OF},
    "dynatemp_exponent": "dynatemp-exp",
    "mirostat_tau": "mirostat-ent",
    "mirostat_eta": "mirostat-lr",
    "chat_template_kwargs": "chat-template-kwargs",
    "reasoning_effort": "reasoning-effort",
    "thinking_budget_tokens": "reasoning-budget",
    "reasoning_budget_tokens": "reasoning-budget",
    "max_tokens": "max-tokens",
    "stop": "stop",
}


def variant(
    base: str, name: str, given: Mapping[str, Any], macros: Macros, source: str
) -> tuple[PageSection, list[str]]:
    """The section, and the settings that a variant has no key for."""
    section = PageSection(name, source)
    section.add("variant-of", base)
    section.add("sampler-policy", "force")  # llama-swap sets them whatever the client says
    lost = []
    for param, value in given.items():
        if key := _KEYS.get(param):
            section.add(key, _text(value, macros))
        else:
            lost.append(param)
    return section, lost


def _text(value: Any, macros: Macros) -> str:
    if isinstance(value, dict | list):
        return json.dumps(_typed(value, macros))
    return macros.expand(text_of(value))


def _typed(value: Any, macros: Macros) -> Any:
    """With the types of JSON: scalars are read as they were typed."""
    if isinstance(value, dict):
        return {str(key): _typed(one, macros) for key, one in value.items()}
    if isinstance(value, list):
        return [_typed(one, macros) for one in value]
    if not isinstance(value, str):
        return value
    text = macros.expand(value)
    return next(_scalars(text), text)


def _scalars(text: str) -> Iterator[Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return
    if not isinstance(found, dict | list | str):
        yield found
