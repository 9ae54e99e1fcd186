"""Where other programs keep GGUF files by default."""

import json
from collections.abc import Mapping
from pathlib import Path

from paddock.plain_file import read_plain


def hugging_face(environ: Mapping[str, str]) -> Path:
    """The cache of huggingface_hub, by its own variables."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if named := environ.get(name):
            return Path(named)
    if named := environ.get("HF_HOME"):
        return Path(named) / "hub"
    cache = environ.get("XDG_CACHE_HOME") or _home(environ) / ".cache"
    return Path(cache) / "huggingface" / "hub"


def lm_studio(environ: Mapping[str, str]) -> Path:
    """The folder that LM Studio's settings name, else its own, of which older versions had another."""
    home = _home(environ)
    try:
        named = json.loads(read_plain(home / ".lmstudio" / "settings.json"))["downloadsFolder"]
    except (OSError, ValueError, KeyError, TypeError):
        named = None
    usual = [home / ".lmstudio" / "models", home / ".cache" / "lm-studio" / "models"]
    folders = [Path(named), *usual] if isinstance(named, str) and named else usual
    return next((folder for folder in folders if folder.is_dir()), folders[0])


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or Path.home())
