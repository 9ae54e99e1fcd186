"""Assistants in editors and beside them: aider, Continue, Zed, VS Code, Cline."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from paddock.api.models import ModelCard
from paddock.clients import jsonc
from paddock.clients.offer import TIMEOUT, Offer, output_limit, title
from paddock.clients.setting import ClientFolders, ClientProgram, ClientSettings, Edit, OwnFile

# ---- aider: aider.chat/docs/config, aider 0.86 ----


def aider_files(offer: Offer, folder: Path) -> tuple[OwnFile, ...]:
    """Its configuration, and what it wants to know of models that it does not know.

    `use_temperature: false`: by default it sends 0, which overrides the profile's own.
    """
    main = f"openai/{offer.main.id}"
    config: dict[str, Any] = {
        "model": main,
        "weak-model": main,
        "editor-model": main,
        "openai-api-base": offer.openai_url,
        "openai-api-key": offer.token,
        "timeout": TIMEOUT,
        "model-metadata-file": str(folder / "models.json"),
        "model-settings-file": str(folder / "models.yml"),
        "show-model-warnings": False,
    }
    facts = {f"openai/{card.id}": _aider_facts(card) for card in offer.cards}
    settings = [{"name": name, "use_temperature": False} for name in facts]
    return (
        OwnFile(folder / "aider.conf.yml", _yaml(config)),
        OwnFile(folder / "models.json", json.dumps(facts, indent=2) + "\n"),
        OwnFile(folder / "models.yml", json.dumps(settings, indent=2) + "\n"),
    )


def _aider_facts(card: ModelCard) -> dict[str, Any]:
    context = card.context or 32_768
    return {
        "litellm_provider": "openai",
        "mode": "chat",
        "max_input_tokens": context,
        "max_output_tokens": output_limit(card),
        "max_tokens": output_limit(card),
        "input_cost_per_token": 0,
        "output_cost_per_token": 0,
        "supports_vision": "vision" in card.abilities,
    }


def _yaml(config: dict[str, Any]) -> str:
    """Flat; YAML takes JSON's values."""
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in config.items())


def _aider_run(offer: Offer, folder: Path) -> ClientSettings:
    files = aider_files(offer, folder)
    return ClientSettings(args=("--config", str(files[0].path)), files=files)


def _aider(offer: Offer, folders: ClientFolders) -> ClientSettings:
    files = aider_files(offer, folders.own)
    return ClientSettings(files=files, usage=(f"aider --config {files[0].path}",))


# ---- Continue: docs.continue.dev/reference, cn 1.5; ~/.continue/configs since its PR 11935 ----


def continue_config(offer: Offer) -> str:
    """A separate configuration, as JSON, which is YAML. Without autocompletion: it needs a second model."""
    ordered = [offer.main, *(card for card in offer.cards if card is not offer.main)]
    config = {
        "name": "Paddock",
        "version": "1.0.0",
        "schema": "v1",
        "models": [_continue_model(card, offer) for card in ordered],
    }
    return json.dumps(config, indent=2) + "\n"


def _continue_model(card: ModelCard, offer: Offer) -> dict[str, Any]:
    known = {"tools": "tool_use", "vision": "image_input"}
    options: dict[str, Any] = {"maxTokens": output_limit(card)}
    options |= {"contextLength": card.context} if card.context else {}
    return {
        "name": title(card),
        "provider": "openai",
        "model": card.id,
        "apiBase": offer.openai_url,
        "apiKey": offer.token,
        "roles": ["chat", "edit", "apply"],
        "capabilities": [word for ability, word in known.items() if ability in card.abilities],
        "defaultCompletionOptions": options,
        "requestOptions": {"timeout": TIMEOUT * 1000},
    }


def _continue_run(offer: Offer, folder: Path) -> ClientSettings:
    path = folder / "paddock.yaml"
    return ClientSettings(
        args=("--config", str(path)), files=(OwnFile(path, continue_config(offer)),)
    )


def _continue(offer: Offer, folders: ClientFolders) -> ClientSettings:
    path = folders.home / ".continue" / "configs" / "paddock.yaml"
    return ClientSettings(
        files=(OwnFile(path, continue_config(offer)),),
        usage=(f"cn --config {path}",),
        notes=("in VS Code and JetBrains: choose Paddock where Continue shows its configuration",),
    )


# ---- Zed: zed.dev/docs/ai/use-a-local-model; it asks llama.cpp's router for all the rest ----


def _zed(offer: Offer, folders: ClientFolders) -> ClientSettings:
    def change(text: str) -> str:
        return jsonc.put(text, ("language_models", "llama.cpp", "api_url"), offer.url)

    notes = ["choose a model of llama.cpp in the agent panel; contexts and abilities are asked for"]
    notes += ["set LLAMACPP_API_KEY before you start Zed"] if offer.key else []
    path = folders.config / "zed" / "settings.json"
    return ClientSettings(edits=(Edit(path, change),), usage=("zed",), notes=tuple(notes))


# ---- VS Code 1.122: `chatLanguageModels.json`, vendor `customendpoint` (microsoft/vscode#316916) ----


def _vscode(offer: Offer, folders: ClientFolders) -> ClientSettings:
    entry = {
        "name": "Paddock",
        "vendor": "customendpoint",
        "apiKey": offer.token,
        "apiType": "chat-completions",
        "models": [_vscode_model(card, offer) for card in offer.cards],
    }
    path = folders.config / "Code" / "User" / "chatLanguageModels.json"
    return ClientSettings(
        edits=(Edit(path, lambda text: jsonc.put_element(text, "Paddock", entry)),),
        usage=("code",),
        notes=("needs VS Code 1.122 or newer; choose a model of Paddock in the chat's picker",),
    )


def _vscode_model(card: ModelCard, offer: Offer) -> dict[str, Any]:
    output = output_limit(card)
    return {
        "id": card.id,
        "name": title(card),
        "url": f"{offer.openai_url}/chat/completions",
        "toolCalling": "tools" in card.abilities,
        "vision": "vision" in card.abilities,
        "thinking": "thinking" in card.abilities,
        "maxInputTokens": max((card.context or 32_768) - output, 1024),
        "maxOutputTokens": output,
    }


# ---- Cline CLI 3.0: what `cline auth` itself writes ----


def _cline(offer: Offer, folders: ClientFolders) -> ClientSettings:
    settings = {
        "provider": "openai-compatible",
        "apiKey": offer.token,
        "model": offer.main.id,
        "baseUrl": offer.openai_url,
    }
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    entry = {"settings": settings, "updatedAt": now, "tokenSource": "manual"}

    def change(text: str) -> str:
        text = text if text.strip() else '{"version": 1, "modes": {}, "providers": {}}'
        if _cline_settings(text) == settings:
            return text
        return jsonc.put(text, ("providers", "openai-compatible"), entry)

    path = folders.home / ".cline" / "data" / "settings" / "providers.json"
    return ClientSettings(
        edits=(Edit(path, change),),
        usage=(f"cline -P openai-compatible -m {offer.main.id}",),
        notes=(
            f"in VS Code: API Provider OpenAI Compatible, Base URL {offer.openai_url}, "
            f"Model ID {offer.main.id}, Context Window {offer.main.context or 'as you like'}",
        ),
    )


def _cline_settings(text: str) -> Any:
    found = jsonc.get(text, ("providers", "openai-compatible", "settings"))
    return json.loads(found) if found else None


EDITORS = (
    ClientProgram(
        "aider", "aider", "aider", "python -m pip install aider-chat", _aider, _aider_run
    ),
    ClientProgram(
        "continue", "Continue", "cn", "npm install -g @continuedev/cli", _continue, _continue_run
    ),
    ClientProgram("zed", "Zed", "zed", "https://zed.dev/download", _zed),
    ClientProgram("vscode", "VS Code", "code", "https://code.visualstudio.com", _vscode),
    ClientProgram("cline", "Cline", "cline", "npm install -g cline", _cline),
)
