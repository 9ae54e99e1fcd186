"""What `paddock node join` was given on this machine: read by whatever starts its daemon later."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from paddock.atomic_write import atomic_write
from paddock.config.paths import paths
from paddock.errors import ConfigError
from paddock.plain_file import trouble
from paddock.private import believed, keep_private

VARIABLE = "PADDOCK_NODE"  # in the environment of Ray on this machine: where the file is


class JoinedNode(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A machine's part in a cluster. Paths are absolute; None: the usual ones."""

    name: str = ""
    head: str = ""  # HOST:PORT; empty: the head is here
    port: int = 6379  # of the head that is here
    address: str = ""  # of this machine, where Ray shall not find it out
    labels: dict[str, str] = {}
    mac: str = ""
    config: str | None = None
    settings: str | None = None
    models_dir: str | None = None
    state_dir: str | None = None
    engine: str | None = None
    ray: list[str] = []  # further words for `ray start`

    def path(self, name: str) -> Path | None:
        """One of the paths."""
        value = getattr(self, name)
        return Path(value) if value else None

    @property
    def where(self) -> str:
        """HOST:PORT of the head, from here."""
        return self.head or f"{self.address or '127.0.0.1'}:{self.port}"

    @property
    def file(self) -> Path:
        """Where this is kept."""
        return file_of(self.path("state_dir"), os.environ)

    def keep(self) -> None:
        """Write it down. ConfigError, OSError."""
        keep_private(self.file.parent)
        atomic_write(self.file, msgspec.json.format(msgspec.json.encode(self)) + b"\n")


def file_of(state_dir: Path | None, environ: Mapping[str, str]) -> Path:
    """Where the file of a machine with this state folder is."""
    return paths(None, None, state_dir, environ).state_dir / "node.json"


def joined(environ: Mapping[str, str], state_dir: Path | None = None) -> JoinedNode | None:
    """What was written down here; None where nobody joined. ConfigError where it cannot be read."""
    named = environ.get(VARIABLE)
    file = Path(named) if named and not state_dir else file_of(state_dir, environ)
    with suppress(FileNotFoundError):
        try:
            return msgspec.json.decode(believed(file), type=JoinedNode)
        except (OSError, msgspec.DecodeError) as error:
            if isinstance(error, FileNotFoundError):
                raise
            raise ConfigError(
                f"{file} cannot be read: {trouble(error)}",
                hint="`paddock node leave` and `paddock node join` write it anew",
            ) from error
    return None
