"""Goose, Crush, OpenClaw, Open WebUI, and all that read the usual variables of OpenAI's or Anthropic's library."""

import json
from pathlib import Path
from typing import Any

from paddock.api.models import ModelCard
from paddock.clients import jsonc
from paddock.clients.offer import TIMEOUT, Offer, output_limit, title
from paddock.clients.setting import (
    ClientFolders,
    ClientProgram,
    ClientSettings,
    Edit,
    OwnFile,
    exports,
)

# ---- Goose: its guides, "Environment Variables" and "Custom Providers" ----


def _goose_run(offer: Offer, folder: Path) -> ClientSettings:
    context = {"GOOSE_CONTEXT_LIMIT": str(offer.main.context)} if offer.main.context else {}
    env = {
        "GOOSE_PROVIDER": "openai",
        "GOOSE_MODEL": offer.main.id,
        "GOOSE_FAST_MODEL": offer.main.id,
        "OPENAI_HOST": offer.url,
        "OPENAI_API_KEY": offer.token,
        "OPENAI_TIMEOUT": str(TIMEOUT),
        **context,
    }
    return ClientSettings(env=env)


def goose_provider(offer: Offer) -> str:
    """A declarative provider."""
    provider: dict[str, Any] = {
        "name": "paddock",
        "engine": "openai",
        "display_name": "Paddock",
        "description": "Models of this machine",
        "api_key_env": "PADDOCK_API_KEY" if offer.key else "",
        "requires_auth": bool(offer.key),
        "base_url": f"{offer.openai_url}/chat/completions",
        "models": [_goose_model(card) for card in offer.cards],
        "supports_streaming": True,
        "timeout_seconds": TIMEOUT,
    }
    return json.dumps(provider, indent=2) + "\n"


def _goose_model(card: ModelCard) -> dict[str, Any]:
    return {"name": card.id, "context_limit": card.context or 32_768}


def _goose(offer: Offer, folders: ClientFolders) -> ClientSettings:
    path = folders.config / "goose" / "custom_providers" / "paddock.json"
    return ClientSettings(
        files=(OwnFile(path, goose_provider(offer)),),
        usage=(f"GOOSE_PROVIDER=paddock GOOSE_MODEL={offer.main.id} goose session",),
        notes=("set PADDOCK_API_KEY to the key before you start goose",) if offer.key else (),
    )


# ---- Crush: github.com/charmbracelet/crush, docs/config and its JSON schema ----


def crush_provider(offer: Offer) -> dict[str, Any]:
    """A provider of type `openai-compat`."""
    return {
        "name": "Paddock",
        "type": "openai-compat",
        "base_url": f"{offer.openai_url}/",
        "api_key": offer.token,
        "models": [_crush_model(card) for card in offer.cards],
    }


def _crush_model(card: ModelCard) -> dict[str, Any]:
    return {
        "id": card.id,
        "name": title(card),
        "context_window": card.context or 32_768,
        "default_max_tokens": output_limit(card),
        "supports_attachments": "vision" in card.abilities,
    }


def _crush_run(offer: Offer, folder: Path) -> ClientSettings:
    """One model as its large and its small one; our folder replaces the user's own."""
    chosen = {"provider": "paddock", "model": offer.main.id}
    models = {"large": chosen, "small": chosen}
    config = {"providers": {"paddock": crush_provider(offer)}, "models": models}
    file = OwnFile(folder / "crush.json", json.dumps(config, indent=2) + "\n")
    return ClientSettings(env={"CRUSH_GLOBAL_CONFIG": str(folder)}, files=(file,))


def _crush(offer: Offer, folders: ClientFolders) -> ClientSettings:
    def change(text: str) -> str:
        return jsonc.put(text, ("providers", "paddock"), crush_provider(offer))

    path = folders.config / "crush" / "crush.json"
    notes = ("choose a model of Paddock, as the small model too: Ctrl+P, Switch Model",)
    return ClientSettings(edits=(Edit(path, change),), usage=("crush",), notes=notes)


# ---- OpenClaw 2026.9: docs/gateway/local-models.md of its package, and `openclaw config validate` ----


def openclaw_provider(offer: Offer) -> dict[str, Any]:
    """A provider of its `models.providers`. Its time-out also covers silence in a stream, 120 s by default."""
    return {
        "baseUrl": offer.openai_url,
        "apiKey": offer.token,
        "api": "openai-completions",
        "timeoutSeconds": TIMEOUT,
        "models": [_openclaw_model(card) for card in offer.cards],
    }


def _openclaw_model(card: ModelCard) -> dict[str, Any]:
    return {
        "id": card.id,
        "name": title(card),
        "reasoning": "thinking" in card.abilities,
        "input": ["text", *(["image"] if "vision" in card.abilities else [])],
        "contextWindow": card.context or 32_768,
        "maxTokens": output_limit(card),
        "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0},
        "compat": {"supportsTemperature": False},  # so the profile's own is used
    }


def _openclaw_run(offer: Offer, folder: Path) -> ClientSettings:
    """A configuration in place of the user's own; `utilityModel` writes its titles."""
    chosen = f"paddock/{offer.main.id}"
    defaults = {"model": {"primary": chosen}, "utilityModel": chosen, "timeoutSeconds": TIMEOUT}
    config = {
        "models": {"mode": "replace", "providers": {"paddock": openclaw_provider(offer)}},
        "agents": {"defaults": defaults},
    }
    file = OwnFile(folder / "openclaw.json", json.dumps(config, indent=2) + "\n")
    return ClientSettings(env={"OPENCLAW_CONFIG_PATH": str(file.path)}, files=(file,))


def _openclaw(offer: Offer, folders: ClientFolders) -> ClientSettings:
    def change(text: str) -> str:
        return jsonc.put(text, ("models", "providers", "paddock"), openclaw_provider(offer))

    chosen = f"paddock/{offer.main.id}"
    return ClientSettings(
        edits=(Edit(folders.home / ".openclaw" / "openclaw.json", change),),
        usage=(f"openclaw agent exec --model {chosen}",),
        notes=(f"`openclaw models set {chosen}` makes it the model of all its agents",),
    )


# ---- Open WebUI: docs.openwebui.com, environment variables ----


def _open_webui_env(offer: Offer) -> dict[str, str]:
    """Titles and tags are asked of TASK_MODEL_EXTERNAL; an empty time-out is none."""
    return {
        "OPENAI_API_BASE_URLS": offer.openai_url,
        "OPENAI_API_KEYS": offer.token,
        "TASK_MODEL_EXTERNAL": offer.main.id,
        "AIOHTTP_CLIENT_TIMEOUT": "",
        "ENABLE_OLLAMA_API": "false",
    }


def _open_webui_run(offer: Offer, folder: Path) -> ClientSettings:
    return ClientSettings(env=_open_webui_env(offer))


def _open_webui(offer: Offer, folders: ClientFolders) -> ClientSettings:
    return ClientSettings(
        usage=(*exports(_open_webui_env(offer)), "open-webui serve"),
        notes=(
            "Open WebUI reads these at its first start only; later: Admin Panel, Connections",
            "in a container, write host.docker.internal for 127.0.0.1, and let Paddock listen there",
        ),
    )


# ---- the usual variables ----


def openai_env(offer: Offer) -> dict[str, str]:
    """What OpenAI's libraries, and many programs like them, read."""
    return {
        "OPENAI_BASE_URL": offer.openai_url,
        "OPENAI_API_BASE": offer.openai_url,  # as older programs call it
        "OPENAI_API_KEY": offer.token,
        "OPENAI_MODEL": offer.main.id,
    }


def anthropic_env(offer: Offer) -> dict[str, str]:
    """What Anthropic's libraries read."""
    return {
        "ANTHROPIC_BASE_URL": offer.url,
        "ANTHROPIC_API_KEY": offer.token,
        "ANTHROPIC_MODEL": offer.main.id,
    }


def _openai(offer: Offer, folders: ClientFolders) -> ClientSettings:
    return ClientSettings(env=openai_env(offer))


def _openai_run(offer: Offer, folder: Path) -> ClientSettings:
    return ClientSettings(env=openai_env(offer))


def _anthropic(offer: Offer, folders: ClientFolders) -> ClientSettings:
    return ClientSettings(env=anthropic_env(offer))


def _anthropic_run(offer: Offer, folder: Path) -> ClientSettings:
    return ClientSettings(env=anthropic_env(offer))


OTHERS = (
    ClientProgram("goose", "Goose", "goose", "https://github.com/block/goose", _goose, _goose_run),
    ClientProgram("crush", "Crush", "crush", "npm install -g @charmland/crush", _crush, _crush_run),
    ClientProgram(
        "openclaw",
        "OpenClaw",
        "openclaw",
        "npm install -g openclaw",
        _openclaw,
        _openclaw_run,
    ),
    ClientProgram(
        "open-webui",
        "Open WebUI",
        "open-webui",
        "python -m pip install open-webui",
        _open_webui,
        _open_webui_run,
    ),
    ClientProgram("openai", "OpenAI's variables", "", "", _openai, _openai_run),
    ClientProgram("anthropic", "Anthropic's variables", "", "", _anthropic, _anthropic_run),
)
