"""Paddock's own settings: `paddock.toml` beside models.conf, then the command line over it."""

from pathlib import Path

import msgspec


class Settings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """Every setting with its default. Seconds and MiB unless the name says otherwise."""

    listen: str = "127.0.0.1:8080"
    models_dir: str | None = None  # default: `models/` beside models.conf
    engine: str | None = None  # `native`, `embedded` or a path; default: the first that is found
    api_keys: tuple[str, ...] = ()  # inference only
    management_keys: tuple[str, ...] = ()  # everything
    insecure: bool = False  # allow other than loopback without keys
    allowed_hosts: tuple[str, ...] = ()  # names that the Host header may carry besides the usual
    allowed_origins: tuple[str, ...] = ()  # web pages of other origins that may call us
    max_body: int = 64  # MiB of one request
    max_instances: int = 0  # 0: as many as fit in memory
    memory_margin: int = 512  # MiB that the ledger keeps free on each device
    patience: float = 30.0  # how long a request may be overtaken by requests for a ready model
    queue_limit: int = 256  # waiting requests per profile
    drain_timeout: float = 0.0  # how long a switch waits for running requests, 0 = for ever
    stall_timeout: float = 300.0  # a load with no sign of life for so long has failed
    stop_timeout: float = 5.0  # between SIGTERM and SIGKILL
    keep_alive_after: float = 5.0  # first sign of life to a waiting client that streams
    keep_alive_after_plain: float = 30.0  # ... and to one that does not
    keep_alive_every: float = 10.0
    log_size: int = 4  # MiB of log kept per instance, twice
    logs_kept: int = 20  # logs of earlier instances that stay readable


class Paths(msgspec.Struct, kw_only=True, frozen=True):
    """Where things lie; see `paddock.config.paths`."""

    config: Path  # models.conf
    settings: Path  # paddock.toml
    models_dir: Path
    state_dir: Path
    runtime_dir: Path  # sockets, 0700
