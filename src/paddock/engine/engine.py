"""What an engine is: a program that can run a profile, and what it was found to be able to do."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from paddock.llama.flags import FlagSet

Kind = Literal["native", "embedded", "container"]


@dataclass(frozen=True, slots=True)
class Engine:
    """One usable llama-server. What it can do was read from it, never assumed."""

    name: str  # `native`, `embedded`, or the path that was asked for
    kind: Kind
    command: tuple[str, ...]  # argv up to the first flag
    version: str  # its own `--version`, in one line
    build: int | None  # llama.cpp's build number, where it prints one
    flags: FlagSet
    identity: str  # changes when the binary changes (path, size, mtime)
    env: tuple[tuple[str, str], ...] = ()  # what it needs in its environment
    always: tuple[
        str, ...
    ] = ()  # words that its owner gives every profile, below the profile's own

    @property
    def build_mark(self) -> str:
        """A short digest that changes with its binary, its environment and its own flags."""
        return sha256(repr((self.identity, self.env, self.always)).encode()).hexdigest()[:12]
