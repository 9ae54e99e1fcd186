"""Where Paddock's files are, by the XDG base directory specification. Nothing is created here."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from paddock.config.model_files import at_home
from paddock.config.settings import Paths

_SOCKET_PATH_LIMIT = 107  # bytes: sun_path of sockaddr_un less its final zero
_SOCKET_NAME = 20  # characters kept for a socket's own name


def paths(
    config: Path | None,
    models_dir: Path | None,
    state_dir: Path | None,
    env: Mapping[str, str],
) -> Paths:
    """All paths, absolute. `config` is models.conf or its folder.

    A custom state folder contains its sockets, so that two daemons never share them.
    """
    conf = _config(config, env)
    state = _absolute(state_dir) if state_dir else _xdg(env, "XDG_STATE_HOME", ".local/state")
    session = env.get("XDG_RUNTIME_DIR", "")
    shared = bool(session.startswith("/")) and not state_dir
    runtime = Path(session) / "paddock" if shared else state / "run"
    return Paths(
        config=conf,
        settings=conf.with_name("paddock.toml"),
        models_dir=_models(models_dir, conf),
        state_dir=state,
        runtime_dir=_short_enough(runtime, state),
    )


def daemon_log(state_dir: Path) -> Path:
    """Where a daemon in the background writes."""
    return state_dir / "daemon.log"


def keys_file(state_dir: Path) -> Path:
    """Where `paddock key` keeps the named keys."""
    return state_dir / "keys.json"


def held_gpus_file(state_dir: Path) -> Path:
    """Where the actor of a machine in a cluster writes which GPUs jobs of Ray hold."""
    return state_dir / "held-gpus.json"


def _config(config: Path | None, env: Mapping[str, str]) -> Path:
    if not config:
        return _xdg(env, "XDG_CONFIG_HOME", ".config") / "models.conf"
    path = _absolute(config)
    return path / "models.conf" if path.is_dir() else path


def _models(models_dir: Path | None, conf: Path) -> Path:
    """The models folder; a relative one starts from the folder of models.conf, not the working directory."""
    return conf.parent / at_home(str(models_dir)) if models_dir else conf.parent / "models"


def _xdg(env: Mapping[str, str], name: str, default: str) -> Path:
    """The variable's folder; the specification says that relative values are ignored."""
    value = env.get(name, "")
    base = Path(value) if value.startswith("/") else Path(env.get("HOME") or Path.home()) / default
    return base / "paddock"


def _absolute(path: Path) -> Path:
    return Path(at_home(str(path))).absolute()


def _short_enough(runtime: Path, state: Path) -> Path:
    """A Unix socket's path has a limit, so a deep folder is replaced by a short one of its own."""
    if len(os.fsencode(runtime)) + 1 + _SOCKET_NAME <= _SOCKET_PATH_LIMIT:
        return runtime
    digest = hashlib.sha256(os.fsencode(state)).hexdigest()[:12]
    return Path(f"/tmp/paddock-{os.getuid()}-{digest}")
