"""Paddock's own settings: `paddock.toml` beside models.conf, then the command line over it.

All problems of a settings file are reported at once.
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from paddock.config.addresses import is_loopback as is_loopback
from paddock.config.addresses import listen_address as listen_address
from paddock.config.cluster import ClusterSettings, cluster_problems
from paddock.config.engines import EngineSpec, engine_problems
from paddock.config.profile import Problem
from paddock.errors import ConfigError
from paddock.near import nearest
from paddock.plain_file import read_plain


class Settings(
    msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, rename="kebab"
):
    """Every setting with its default. Seconds and MiB unless the name says otherwise."""

    listen: str = "127.0.0.1:8080"
    ollama_port: int = 0  # a second port of the same host, for clients of Ollama; 0 = none
    # A third one, on which a hand-made wrapper's management API is spoken; 0 = none
    wrapper_port: int = 0
    # What of models.conf may be written over HTTP: nothing, no new programs and files, everything
    web_editor: Literal["off", "limited", "full"] = "limited"
    models_dir: str | None = None  # default: `models/` beside models.conf
    engine: str | None = (
        None  # a name of `engines`, `native`, `embedded`, a path or container:IMAGE
    )
    engines: dict[str, EngineSpec] = {}  # by name, a table each
    api_keys: tuple[str, ...] = ()  # inference only
    management_keys: tuple[str, ...] = ()  # everything
    insecure: bool = False  # allow other than loopback without keys
    allowed_hosts: tuple[str, ...] = ()  # names that the Host header may carry besides the usual
    allowed_origins: tuple[str, ...] = ()  # web pages of other origins that may call us
    max_body: int = 64  # MiB of one request
    bodies_size: int = 1024  # MiB that large bodies of waiting requests may take on the disk
    max_connections: int = 1024  # clients at once; fewer where few files may be open
    header_timeout: float = 30.0  # for the head of a request, from its first byte on; 0 = for ever
    body_timeout: float = 60.0  # without a byte of a body that is not whole, 0 = for ever
    idle_timeout: float = 180.0  # of a connection with no request on it, 0 = for ever
    reader_timeout: float = 120.0  # a client that takes no byte of its reply, 0 = for ever
    hang_timeout: float = 120.0  # an instance that gives no sign of life to a request, 0 = for ever
    max_instances: int = 0  # 0: as many as fit in memory
    memory_margin: int = 512  # MiB of RAM that stay free; GPUs have each profile's FIT_TARGET
    disk_margin: int = 4096  # MiB that a download leaves free on the disk
    pull_into: Literal["cache", "models"] = "cache"  # the hub's own cache, or the models folder
    pull_rate: float = 0.0  # MiB a second that a download takes at most, 0 = no bound
    hub_hosts: tuple[str, ...] = ()  # that downloads may come from besides the hub's own
    plan_ahead: bool = True  # plan all profiles while nothing else happens
    probe_after: float = 3.0  # idle seconds after a load until its speed is measured, 0 = never
    patience: float = 30.0  # how long a request may be overtaken by requests for a ready model
    # Who answers to a name that nothing has: `refuse`: nobody, `loaded`: the model used last, or a name
    unknown_model: str = "refuse"
    queue_limit: int = 256  # waiting requests per profile
    on_yield: Literal["wait", "refuse"] = "wait"  # what requests do while the GPUs are yielded
    yield_to: tuple[str, ...] = ()  # programs that the GPUs are yielded to while they run
    drain_timeout: float = 0.0  # how long a switch waits for running requests, 0 = for ever
    stall_timeout: float = 300.0  # a load with no sign of life for so long has failed
    stop_timeout: float = 5.0  # between SIGTERM and SIGKILL
    keep_alive_after: float = 5.0  # first sign of life to a waiting client that streams
    keep_alive_after_plain: float = 30.0  # ... and to one that does not
    keep_alive_every: float = 10.0
    resent_after: float = (
        60.0  # the same request once more, when the first has waited so long, ends it
    )
    log_size: int = 4  # MiB of log kept per instance and of our own, twice
    logs_kept: int = 20  # logs of earlier instances that stay readable
    contexts_size: int = 16_384  # MiB of saved contexts of all profiles, 0 = none are saved
    # For the front of several machines, and for the daemons on them
    cluster: ClusterSettings = msgspec.field(default_factory=ClusterSettings)


class Paths(msgspec.Struct, kw_only=True, frozen=True):
    """The folders and files of a daemon; see `paddock.config.paths`."""

    config: Path  # models.conf
    settings: Path  # paddock.toml
    models_dir: Path
    state_dir: Path
    runtime_dir: Path  # sockets, 0700
    # For files that must not reach a disk; None: there is no such place.
    ram_dir: Path | None = None


_FIELDS = {f.encode_name: f for f in msgspec.structs.fields(Settings)}
_KEYS = ("api-keys", "management-keys")
_PORTS, _MOST_PORT = ("ollama-port", "wrapper-port"), 65535
_FLAGS = ("config", "state-dir")  # of `paddock serve`, with no setting beside them
_LISTEN = 'the address is `listen = "127.0.0.1:8080"`, host and port in one'
_OTHER_NAMES = dict.fromkeys(
    ("port", "host", "address", "bind"), _LISTEN
)  # as others call settings

# The smallest value that makes sense; every other number may be 0 or more.
_LEAST = {
    "max-body": 1,
    "keep-alive-every": 0.1,
    "stall-timeout": 1,
    "log-size": 1,
    "bodies-size": 1,
    "max-connections": 8,
}


def load_settings(
    path: Path | None, overrides: Mapping[str, object], *, is_keyed: bool = False
) -> Settings:
    """The effective settings. A missing file counts as empty; an override of None as not given.

    Overrides go by either spelling, `models_dir` or `models-dir`. `is_keyed`: there are named keys, or
    nobody is served. Raises ConfigError with every problem in `detail`.
    """
    written = _written(path) if path else {}
    over = {key.replace("_", "-"): v for key, v in overrides.items() if v is not None}
    problems = [*_problems(written, str(path)), *_problems(over, "command line")]
    if path and any(written.get(key) for key in _KEYS):
        problems += _readable_by_others(path)
    _refuse(problems, path)
    settings = msgspec.convert({**written, **over}, Settings)
    _refuse(list(_same_ports(settings)), path)
    if not is_keyed:
        _refuse(list(_exposed(settings)), path)
    return settings


def _written(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_plain(path).decode("utf-8-sig"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path}: is not TOML: {error}", hint="see docs/configuration.md"
        ) from error


def _problems(given: Mapping[str, object], file: str) -> Iterator[Problem]:
    for key, value in given.items():
        if key not in _FIELDS:
            yield Problem("error", f"unknown setting {key!r}", _meant(key), file, key=key)
        elif key == "engines":
            yield from engine_problems(value, file)
        elif key == "cluster":
            yield from cluster_problems(value, file)
        elif complaint := _complaint(key, value):
            yield Problem("error", f"{key} {complaint}", "", file, key=key)


def _meant(key: str) -> str:
    """The hint about an unknown setting: what its writer probably looked for."""
    name = key.replace("_", "-").lower()
    if name in _FLAGS:
        return f"that is a flag: paddock serve --{name} …"
    if name in _OTHER_NAMES:
        return _OTHER_NAMES[name]
    near = nearest(name, _FIELDS)
    return f"did you mean {near!r}?" if near else ""


def _complaint(key: str, value: object) -> str:
    try:
        msgspec.convert(value, _FIELDS[key].type)
    except msgspec.ValidationError as error:
        return f"is wrong: {error}"
    if key in _PORTS and not 0 <= int(str(value)) <= _MOST_PORT:
        return f"is a port, 1 to {_MOST_PORT}, or 0 for none, not {value}"
    least = _LEAST.get(key, 0)
    if isinstance(value, int | float) and value < least:
        return f"must be {least} or more, not {value}"
    if key in _KEYS and "" in list(value):  # type: ignore[call-overload]
        return "holds an empty key"
    if key == "yield-to" and any(not word.strip("*? ") for word in list(value)):  # type: ignore[call-overload]
        return "holds a pattern that every program matches"
    return _bad_address(value) if key == "listen" else ""


def _bad_address(value: object) -> str:
    try:
        listen_address(str(value))
    except ValueError as error:
        return str(error)
    return ""


def _readable_by_others(path: Path) -> Iterator[Problem]:
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        message = f"holds keys, and other users may read it (mode {mode:03o})"
        yield Problem("error", message, f"run: chmod 600 {path}", str(path))


def _exposed(settings: Settings) -> Iterator[Problem]:
    host, _ = listen_address(settings.listen)
    if is_loopback(host) or settings.insecure or settings.api_keys or settings.management_keys:
        return
    message = f"listen = {settings.listen!r} lets other machines in, and there are no keys"
    hint = "run `paddock key add NAME`, set api-keys or management-keys, listen on 127.0.0.1, or set insecure = true if that is meant"
    yield Problem("error", message, hint, key="listen")


def _port(listen: str) -> int:
    return listen_address(listen)[1] if listen else 0


def _same_ports(settings: Settings) -> Iterator[Problem]:
    """Two sockets may be bound to one port before either listens; then nobody would know why it failed."""
    ports = {
        "listen": listen_address(settings.listen)[1],
        "ollama-port": settings.ollama_port,
        "wrapper-port": settings.wrapper_port,
        "tls-listen": _port(settings.cluster.tls_listen),
    }
    taken: dict[int, str] = {}
    for name, port in ports.items():
        if port and (other := taken.setdefault(port, name)) != name:
            message = f"{name} and {other} are both {port}"
            yield Problem("error", message, "give each a port of its own", key=name)


def _refuse(problems: list[Problem], path: Path | None) -> None:
    if not problems:
        return
    if len(problems) == 1:
        raise ConfigError(_whole(problems[0]), hint=problems[0].hint)
    lines = tuple(str(problem) for problem in problems)
    raise ConfigError(f"{path or 'settings'}: {len(lines)} problems", detail=lines)


def _whole(problem: Problem) -> str:
    return f"{problem.file}: {problem.message}" if problem.file else problem.message
