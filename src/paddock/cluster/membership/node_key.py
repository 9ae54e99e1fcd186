"""The key that the front shows to the daemons of machines: its own, never a client's."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from paddock.atomic_write import atomic_write
from paddock.config.keys import digest_of, new_secret
from paddock.private import believed, keep_private

PREFIX = "front@"  # before the name of the front's machine: the key's name on all others


@dataclass(frozen=True, slots=True)
class NodeKey:
    """A secret, and what others are given of it."""

    name: str
    secret: str

    @property
    def digest(self) -> str:
        return digest_of(self.secret)

    @classmethod
    def of(cls, state_dir: Path) -> "NodeKey":
        """The one of this state folder, made where there is none. ConfigError, OSError."""
        keep_private(state_dir)
        file = state_dir / "node-key"
        try:
            secret = believed(file).decode().strip()
        except FileNotFoundError:
            secret = new_secret()
            atomic_write(file, f"{secret}\n".encode())
            file.chmod(0o600)
        return cls(name=f"{PREFIX}{_host()}-{digest_of(secret)[:6]}", secret=secret)


def _host() -> str:
    """This machine's name, as far as a key may be called that."""
    name = "".join(c if c.isascii() and c.isalnum() else "-" for c in socket.gethostname())
    return name.strip("-")[:40] or str(os.getuid())
