"""Agents in the terminal, configured for one run: Codex, opencode, Qwen Code; Claude Code is in `claude_code.py`."""

import json
from pathlib import Path
from typing import Any

from paddock.api.models import ModelCard
from paddock.clients.claude_code import CLAUDE_CODE
from paddock.clients.offer import TIMEOUT, Offer, output_limit, title
from paddock.clients.setting import ClientFolders, ClientProgram, ClientSettings, OwnFile

_TIMEOUT_MS = TIMEOUT * 1000
_KEY_VARIABLE = "PADDOCK_API_KEY"

# ---- Codex: developers.openai.com/codex (config reference), codex 0.171 ----


def codex_config(offer: Offer, catalog: Path) -> dict[str, Any]:
    """The keys of its config.toml."""
    provider = {
        "name": "Paddock",
        "base_url": offer.openai_url,
        "wire_api": "responses",
        "stream_idle_timeout_ms": _TIMEOUT_MS,
    }
    context = {"model_context_window": offer.main.context} if offer.main.context else {}
    return {
        "model": offer.main.id,
        "model_provider": "paddock",
        "model_catalog_json": str(catalog),
        **context,
        "model_providers": {"paddock": provider},
    }


def codex_catalog(offer: Offer) -> str:
    """What Codex wants to know of each model; without it, it warns and guesses the context."""
    models = [_codex_model(card, place) for place, card in enumerate(offer.cards)]
    return json.dumps({"models": models}, indent=2) + "\n"


def _codex_model(card: ModelCard, place: int) -> dict[str, Any]:
    context = card.context or 32_768
    return {
        "slug": card.id,
        "display_name": title(card),
        "description": card.description or title(card),
        "context_window": context,
        # By itself it sums up at nine tenths: a long answer would find no room.
        "auto_compact_token_limit": context - output_limit(card),
        "default_reasoning_level": None,
        "supported_reasoning_levels": [],
        "shell_type": "default",
        "visibility": "list",
        "supported_in_api": True,
        "priority": place,
        "truncation_policy": {"mode": "bytes", "limit": 10_000},
        "input_modalities": ["text", *(["image"] if "vision" in card.abilities else [])],
        "base_instructions": "",
        "support_verbosity": False,
        "default_verbosity": None,
        "apply_patch_tool_type": None,
        "supports_parallel_tool_calls": False,
        "supports_reasoning_summaries": False,
        "experimental_supported_tools": [],
    }


def _codex_run(offer: Offer, folder: Path) -> ClientSettings:
    catalog = folder / "models.json"
    config = codex_config(offer, catalog)
    config["model_providers"]["paddock"]["env_key"] = _KEY_VARIABLE
    args = [word for line in _flat(config) for word in ("-c", line)]
    files = (OwnFile(catalog, codex_catalog(offer)),)
    return ClientSettings(env={_KEY_VARIABLE: offer.token}, args=tuple(args), files=files)


def _codex(offer: Offer, folders: ClientFolders) -> ClientSettings:
    home = folders.home / ".codex"
    catalog, profile = home / "paddock-models.json", home / "paddock.config.toml"
    config = codex_config(offer, catalog)
    if offer.key:
        config["model_providers"]["paddock"]["experimental_bearer_token"] = offer.key
    return ClientSettings(
        files=(OwnFile(catalog, codex_catalog(offer)), OwnFile(profile, _toml(config))),
        usage=("codex --profile paddock",),
    )


def _flat(config: dict[str, Any], above: str = "") -> list[str]:
    """`model_providers.paddock.name="Paddock"`: TOML takes JSON's strings and numbers."""
    lines: list[str] = []
    for key, value in config.items():
        name = f"{above}{key}"
        lines += (
            _flat(value, f"{name}.") if isinstance(value, dict) else [f"{name}={json.dumps(value)}"]
        )
    return lines


def _toml(config: dict[str, Any]) -> str:
    providers = config["model_providers"]["paddock"]
    lines = [f"{k} = {json.dumps(v)}" for k, v in config.items() if k != "model_providers"]
    lines += ["", "[model_providers.paddock]"]
    return "\n".join([*lines, *(f"{k} = {json.dumps(v)}" for k, v in providers.items())]) + "\n"


# ---- opencode: opencode.ai/docs/config, opencode 1.18 ----


def opencode_config(offer: Offer) -> str:
    """A provider of ours; without `small_model` titles would be asked of another model."""
    options = {
        "baseURL": offer.openai_url,
        "apiKey": offer.token,
        "timeout": False,
        "headerTimeout": False,
    }
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "Paddock",
        "options": options,
        "models": {card.id: _opencode_model(card) for card in offer.cards},
    }
    chosen = f"paddock/{offer.main.id}"
    config = {
        "$schema": "https://opencode.ai/config.json",
        "provider": {"paddock": provider},
        "model": chosen,
        "small_model": chosen,
    }
    return json.dumps(config, indent=2) + "\n"


def _opencode_model(card: ModelCard) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": title(card), "tool_call": "tools" in card.abilities}
    entry["reasoning"] = "thinking" in card.abilities
    entry["attachment"] = "vision" in card.abilities
    entry["temperature"] = False  # so the profile's own is used
    if card.context:
        entry["limit"] = {"context": card.context, "output": output_limit(card)}
    return entry


def _opencode_run(offer: Offer, folder: Path) -> ClientSettings:
    return ClientSettings(env={"OPENCODE_CONFIG_CONTENT": opencode_config(offer)})


def _opencode(offer: Offer, folders: ClientFolders) -> ClientSettings:
    path = folders.own / "opencode.json"
    return ClientSettings(
        files=(OwnFile(path, opencode_config(offer)),),
        usage=(f"OPENCODE_CONFIG={path} opencode",),
        notes=("it is merged with your own opencode.json, which stays as it is",),
    )


# ---- Qwen Code: github.com/QwenLM/qwen-code (docs/users/configuration), 0.15 ----


def qwen_settings(offer: Offer) -> str:
    """Its system defaults, which the user's own settings override."""
    settings = {
        "$version": 4,
        "modelProviders": {"openai": [_qwen_model(card, offer) for card in offer.cards]},
        "security": {"auth": {"selectedType": "openai"}},
        "model": {"name": offer.main.id},
        # After each turn a second agent would read all of it with a prompt of its own: 26,000 tokens
        # for a "hi", and what the slot held is lost.
        "memory": {"enableManagedAutoMemory": False},
        "env": _qwen_env(offer),
    }
    return json.dumps(settings, indent=2) + "\n"


def _qwen_model(card: ModelCard, offer: Offer) -> dict[str, Any]:
    context = {"contextWindowSize": card.context} if card.context else {}
    return {
        "id": card.id,
        "name": title(card),
        "baseUrl": offer.openai_url,
        "envKey": "OPENAI_API_KEY",
        "capabilities": {"vision": "vision" in card.abilities},
        "generationConfig": {
            "timeout": _TIMEOUT_MS,
            "samplingParams": {"max_tokens": output_limit(card)},
            **context,
        },
    }


def _qwen_env(offer: Offer) -> dict[str, str]:
    return {
        "OPENAI_BASE_URL": offer.openai_url,
        "OPENAI_API_KEY": offer.token,
        "OPENAI_MODEL": offer.main.id,
        "QWEN_CODE_API_TIMEOUT_MS": str(_TIMEOUT_MS),
    }


def _qwen_run(offer: Offer, folder: Path) -> ClientSettings:
    """With the variables as well: they override a user's settings."""
    file = OwnFile(folder / "qwen-code.json", qwen_settings(offer))
    env = {"QWEN_CODE_SYSTEM_DEFAULTS_PATH": str(file.path), **_qwen_env(offer)}
    return ClientSettings(env=env, args=("--auth-type", "openai"), files=(file,))


def _qwen(offer: Offer, folders: ClientFolders) -> ClientSettings:
    path = folders.own / "settings.json"
    return ClientSettings(
        files=(OwnFile(path, qwen_settings(offer)),),
        usage=(f"QWEN_CODE_SYSTEM_DEFAULTS_PATH={path} qwen",),
        notes=("your own settings win; all profiles are in /model, unless yours lists models",),
    )


AGENTS = (
    CLAUDE_CODE,
    ClientProgram(
        "codex",
        "Codex",
        "codex",
        "npm install -g @openai/codex",
        _codex,
        _codex_run,
        own_prompt=5_000,
    ),
    ClientProgram(
        "opencode",
        "opencode",
        "opencode",
        "npm install -g opencode-ai",
        _opencode,
        _opencode_run,
        own_prompt=8_000,
    ),
    ClientProgram(
        "qwen-code",
        "Qwen Code",
        "qwen",
        "npm install -g @qwen-code/qwen-code",
        _qwen,
        _qwen_run,
        own_prompt=13_000,
    ),
)
