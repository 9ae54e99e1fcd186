"""The engines as paddock.toml and their trials know them, and which one is the default."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from paddock.cli.offline.where import VARIABLE, url_of
from paddock.errors import DaemonUnreachable, EngineError, PaddockError

if TYPE_CHECKING:
    from paddock.cli.offline.files import Files
    from paddock.engine.defaults import Defaults
    from paddock.engine.trial_store import Trial


# ---- what is known of them ----


def portrait(files: Files, name: str) -> dict[str, Any]:
    """All that is known of an engine without asking for its devices; `error` where it is unusable."""
    from paddock.config.engines import EngineSpec
    from paddock.engine.trial_store import open_trial_store

    spec = files.engines.spec(name) or EngineSpec()
    known: dict[str, Any] = {
        "name": name, "default": name == files.settings.engine, "error": "", "version": "",
        "build": None, "kind": "", "command": [], "flags_known": 0, "tried": None,
        "env": spec.env, "flags": spec.flags, "patches": list(spec.patches), "note": spec.note,
        "url": spec.url,
    }  # fmt: skip
    try:
        engine = files.engines.find(name)
    except EngineError as error:
        return known | {"error": error.message}
    return known | {
        "version": engine.version,
        "build": engine.build,
        "kind": engine.kind,
        "command": list(engine.command),
        "flags_known": len(engine.flags.specs),
        "tried": _as_data(open_trial_store(files.paths.state_dir).trial_of(engine)),
    }


def _as_data(trial: Trial | None) -> Any:
    import msgspec

    return msgspec.to_builtins(trial) if trial else None


def users(files: Files, name: str) -> list[str]:
    """The profiles that name this engine."""
    if not files.paths.config.exists():
        return []
    stable, _ = files.read()
    return [p.id for p in stable.profiles.values() if p.engine == name] if stable else []


# ---- the default ----


def defaults(files: Files) -> Defaults:
    """The default engine and what may become it."""
    from paddock.engine.defaults import Defaults

    return Defaults(files.paths.settings, files.paths.state_dir, files.engines)


def reload_daemon(files: Files) -> str:
    """Have a running daemon read the settings now; why it did not, "" where it did or none runs.

    It would notice the change by itself, but perhaps only after the next switch.
    """
    from paddock.api.client import Client

    url = os.environ.get(VARIABLE) or url_of(files.settings.listen)
    try:
        Client(url, os.environ.get("PADDOCK_API_KEY")).reload()
    except DaemonUnreachable:
        return ""
    except PaddockError as error:
        return f"the daemon at {url} did not read it at once: {error}"
    return ""
