"""The named keys of people and programs: one file in the state folder, written by `paddock key` alone.

It holds digests, never a secret. A secret is 256 random bits, which nobody guesses however fast the
digest is made; so one round of SHA-256 is enough, and a request costs no more than that.
"""

import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Literal

import msgspec

from paddock.atomic_write import atomic_write
from paddock.errors import BadRequest, ConfigError, NoSuchThing
from paddock.private import believed, keep_private, open_private

# `node`: of the front of a stable of many machines, which manages, and says whose requests it passes on
KeyScope = Literal["ask", "manage", "node"]
API_KEYS, MANAGEMENT_KEYS = "api-keys", "management-keys"  # who has one of paddock.toml's
_RESERVED = (API_KEYS, MANAGEMENT_KEYS, "none", "all")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MOST = 500  # keys: each is a label in the metrics
_PREFIX = "pdk-"  # so that scanners of repositories and people see what it is


class NamedKey(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One key, what it is good for, and how much of it. 0 and an empty list: no limit."""

    name: str
    digest: str  # SHA-256 of the secret, in hexadecimal digits
    scope: KeyScope = "ask"
    models: tuple[str, ...] = ()  # ids or aliases that it may ask
    concurrency: int = 0  # requests at a time
    tokens_per_day: int = 0  # prompt and answer together, until midnight local time
    unknown_model: str = ""  # `refuse`, `loaded` or a name; empty: as paddock.toml says
    added: str = ""  # ISO 8601

    def problem(self) -> str:
        """What is wrong with it; empty where nothing is."""
        if not _NAME.fullmatch(self.name) or self.name in _RESERVED:
            return f"{self.name!r} cannot be the name of a key"
        if not _DIGEST.fullmatch(self.digest):
            return f"{self.name}: the digest is none"
        if self.concurrency < 0 or self.tokens_per_day < 0:
            return f"{self.name}: a limit below 0"
        if self.models and self.scope != "ask":
            return f"{self.name}: who manages may use every model"
        return ""


class _KeysFile(msgspec.Struct, kw_only=True):
    version: Literal[1] = 1
    keys: tuple[NamedKey, ...] = ()


def digest_of(secret: str) -> str:
    """As the file has it."""
    return sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def new_secret() -> str:
    """One that was never used before."""
    return _PREFIX + secrets.token_urlsafe(32)


def read_keys(file: Path) -> tuple[NamedKey, ...]:
    """The keys of this file, none where it is not there.

    Raises ConfigError where it cannot be read, or another user may have written it.
    """
    try:
        found = msgspec.json.decode(believed(file), type=_KeysFile).keys
    except FileNotFoundError:
        return ()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(
            f"{file}: the keys cannot be read: {reason}",
            hint="mend the file, or remove it and add the keys anew with `paddock key add`",
        ) from error
    for wrong in filter(None, (key.problem() for key in found)):
        raise ConfigError(f"{file}: {wrong}")
    if len({key.name for key in found}) < len(found):
        raise ConfigError(f"{file}: two keys have the same name")
    return found


def add_key(file: Path, key: NamedKey) -> None:
    """Write it down. BadRequest where it cannot be one, or its name is taken; ConfigError, OSError."""
    if wrong := key.problem():
        raise BadRequest(
            wrong,
            hint="a name has letters, digits and . _ @ - (at most 64, the first a letter or digit)"
            if "name" in wrong
            else "leave out --model, or the scope",
        )
    with _alone(file):
        keys = read_keys(file)
        if any(key.name == other.name for other in keys):
            raise BadRequest(
                f"there is a key {key.name!r} already",
                hint=f"`paddock key remove {key.name}` takes it away; a name has one key",
            )
        if len(keys) >= _MOST:
            raise BadRequest(f"there are {_MOST} keys, which is the most")
        _write(file, (*keys, key))


def set_key(file: Path, key: NamedKey) -> bool:
    """Write it down in the place of one of its name; whether anything had to be. BadRequest, ConfigError, OSError."""
    if wrong := key.problem():
        raise BadRequest(wrong)
    with _alone(file):
        keys = read_keys(file)
        if key in keys:
            return False
        _write(file, (*(other for other in keys if other.name != key.name), key))
        return True


def remove_key(file: Path, name: str) -> tuple[NamedKey, ...]:
    """Take it away; what is left. NoSuchThing, ConfigError, OSError."""
    with _alone(file):
        keys = read_keys(file)
        left = tuple(key for key in keys if key.name != name)
        if len(left) == len(keys):
            known = ", ".join(key.name for key in keys) or "none"
            raise NoSuchThing(f"there is no key {name!r}", hint=f"there are: {known}")
        _write(file, left)
        return left


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Nobody else changes the file inside the block; its folder is private then."""
    keep_private(file.parent)
    with os.fdopen(open_private(file.with_suffix(".lock")), "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(file: Path, keys: tuple[NamedKey, ...]) -> None:
    content = msgspec.json.format(msgspec.json.encode(_KeysFile(keys=keys)), indent=2)
    atomic_write(file, content + b"\n")
