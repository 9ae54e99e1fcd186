"""Claude Code: code.claude.com/docs (settings, llm-gateway, sandboxing), 2.1.197."""

import json
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from paddock.clients.offer import TIMEOUT, Offer, output_limit, title
from paddock.clients.setting import (
    ClientFolders,
    ClientProgram,
    ClientSettings,
    OwnFile,
    PrivatePlace,
)
from paddock.errors import ConfigError

_SHOWN = "anthropic-"  # what an id must begin with for its picker; Paddock knows it by both

# Another service of the user's would be asked in place of Paddock, whatever the base URL says.
_OTHER_SERVICES = {
    f"CLAUDE_CODE_USE_{service}": ""
    for service in ("BEDROCK", "VERTEX", "FOUNDRY", "MANTLE", "ANTHROPIC_AWS")
}

# Each was seen to matter, or is documented to; what they leave is recorded by tests/agents/test_private.py.
_NOTHING_LEAVES = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    # Not part of the former: it asks downloads.claude.ai and clones from github.com at its first start.
    "CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL": "1",
    "DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_UPDATES": "1",
    "DISABLE_GROWTHBOOK": "1",
    "DISABLE_FEEDBACK_COMMAND": "1",
    "CLAUDE_CODE_DISABLE_FEEDBACK_SURVEY": "1",
    "CLAUDE_CODE_ENABLE_TELEMETRY": "",
    "CLAUDE_CODE_OAUTH_TOKEN": "",
}


def claude_code_env(offer: Offer) -> dict[str, str]:
    """All its jobs on one model, long time-outs, and no text in its prompts that changes by itself.

    The attribution header and the token reminder differ from request to request, and a prompt
    whose beginning differs is read anew. Where no model was chosen, its picker's choice stands for all
    but the tiers: those begin as ours, so that none is asked of a model that is not here.
    """
    main = offer.main
    jobs = ("ANTHROPIC_MODEL", "CLAUDE_CODE_SUBAGENT_MODEL", "ANTHROPIC_SMALL_FAST_MODEL")
    tiers = [f"ANTHROPIC_DEFAULT_{tier}_MODEL" for tier in ("OPUS", "SONNET", "HAIKU", "FABLE")]
    pinned = (*jobs, *tiers) if offer.is_chosen else tiers
    # The window alone is taken for at least 100,000 tokens: a talk on less would end in refusals.
    windows = ("CLAUDE_CODE_AUTO_COMPACT_WINDOW", "CLAUDE_CODE_MAX_CONTEXT_TOKENS")
    context = dict.fromkeys(windows, str(main.context)) if main.context else {}
    return {
        "ANTHROPIC_BASE_URL": offer.url,
        "ANTHROPIC_AUTH_TOKEN": offer.token,
        "ANTHROPIC_API_KEY": "",  # one from elsewhere would be sent instead
        **_OTHER_SERVICES,
        **dict.fromkeys(pinned, main.id),
        **context,
        "CLAUDE_CODE_MAX_OUTPUT_TOKENS": str(output_limit(main)),
        "CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY": "1",
        "CLAUDE_CODE_ATTRIBUTION_HEADER": "0",
        "CLAUDE_CODE_TOTAL_TOKENS_REMINDER": "off",
        # After an error in a stream it would send the same request again, without streaming.
        "CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK": "1",
        "API_TIMEOUT_MS": str(TIMEOUT * 1000),
        "CLAUDE_ENABLE_STREAM_WATCHDOG": "0",
        "CLAUDE_ENABLE_BYTE_WATCHDOG": "0",
    }


def _run(offer: Offer, folder: Path) -> ClientSettings:
    return ClientSettings(env=claude_code_env(offer))


def _connect(offer: Offer, folders: ClientFolders) -> ClientSettings:
    path = folders.own / "settings.json"
    text = _json({"env": claude_code_env(offer)})
    return ClientSettings(
        files=(OwnFile(path, text),),
        usage=(f"claude --settings {path}",),
        notes=("all profiles are in /model, under names that begin with anthropic-",),
    )


# ---- alone with Paddock ----


def _private(offer: Offer, folder: Path, place: PrivatePlace) -> ClientSettings:
    """A configuration folder of its own, and nothing that leaves the machine. Raises ConfigError.

    What follows the daemon's address is given by `--settings`; the rest is written once, and the
    user's from then on.
    """
    host = urlsplit(offer.url).hostname or ""
    if not _is_here(host):
        raise ConfigError(
            f"the daemon at {offer.url} is not on this machine: prompts would leave it",
            hint="leave out --private, or name a daemon here",
        )
    direct = ",".join(filter(None, (place.no_proxy, host)))
    settings = folder / "settings.json"
    env = claude_code_env(offer) | _NOTHING_LEAVES
    env |= {"CLAUDE_CONFIG_DIR": str(place.folder), "NO_PROXY": direct, "no_proxy": direct}
    return ClientSettings(
        env=env,
        args=("--settings", str(settings)),
        files=(
            OwnFile(settings, _json({"sandbox": {"network": {"allowedDomains": [host]}}})),
            OwnFile(place.folder / "cache" / "gateway-models.json", gateway_models(offer)),
        ),
        first=(
            OwnFile(place.folder / "settings.json", _json(_FIRST_SETTINGS)),
            OwnFile(place.folder / ".claude.json", _json({"hasCompletedOnboarding": True})),
        ),
        needs=("bwrap", "socat"),
    )


def _is_here(host: str) -> bool:
    """Whether only this machine can have this name or address."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


_FIRST_SETTINGS = {
    "sandbox": {"enabled": True},
    "permissions": {"deny": ["WebFetch", "WebSearch"]},
}


def gateway_models(offer: Offer) -> str:
    """The list that its picker shows. It would ask for that itself, if that were not among the traffic
    that `CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC` switches off."""
    models = [
        {
            "id": card.id if card.id.lower().startswith(_SHOWN) else _SHOWN + card.id,
            "display_name": title(card),
        }
        for card in offer.cards
    ]
    return _json({"baseUrl": offer.url, "fetchedAt": 0, "models": models})


def _json(value: Any) -> str:
    return json.dumps(value, indent=2) + "\n"


CLAUDE_CODE = ClientProgram(
    "claude-code",
    "Claude Code",
    "claude",
    "npm install -g @anthropic-ai/claude-code",
    _connect,
    _run,
    private=_private,
    has_picker=True,
    own_prompt=21_000,
)
