"""What can be set for a client: environment, arguments, files of ours, edits of its own files."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from paddock.api.models import ModelCard
from paddock.clients.offer import Offer

Change = Callable[[str], str]  # a file's text, empty where there is none -> the text with our entry


@dataclass(frozen=True, slots=True)
class OwnFile:
    """A file that is ours alone."""

    path: Path
    text: str


@dataclass(frozen=True, slots=True)
class Edit:
    """Our entry in a file that is the client's."""

    path: Path
    change: Change


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """All settings for one client. `usage`: what to type then; `notes`: what the user should know.

    `first`: files that are written where there are none, and the user's from then on. `needs`: programs
    without which it does less.
    """

    env: Mapping[str, str] = field(default_factory=dict)
    args: tuple[str, ...] = ()
    files: tuple[OwnFile, ...] = ()
    first: tuple[OwnFile, ...] = ()
    edits: tuple[Edit, ...] = ()
    needs: tuple[str, ...] = ()
    usage: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClientFolders:
    """Where files may go."""

    own: Path  # ours, for this client
    home: Path
    config: Path  # $XDG_CONFIG_HOME


@dataclass(frozen=True, slots=True)
class PrivatePlace:
    """Where a client lives that is to be alone with Paddock."""

    folder: Path  # this user's alone, and stays
    no_proxy: str  # hosts that the user has asked without a proxy so far, with commas between


Run = Callable[[Offer, Path], ClientSettings]  # the folder is ours, and goes when the client ends
RunPrivately = Callable[[Offer, Path, PrivatePlace], ClientSettings]
Connect = Callable[[Offer, ClientFolders], ClientSettings]


@dataclass(frozen=True, slots=True)
class ClientProgram:
    """One program. Without `run` it cannot be started with everything set: it must be connected."""

    name: str
    title: str
    program: str  # its command; empty: whatever the user names
    install: str  # the command that installs it, or its download page
    connect: Connect
    run: Run | None = None
    private: RunPrivately | None = None
    has_picker: bool = False  # it shows all models by itself, so that none need be named
    own_prompt: int = (
        0  # tokens, about, that it sends before anything is said; measured in docs/clients.md
    )

    def tight(self, model: ModelCard) -> str | None:
        """What a user should know of a model whose context leaves this program little room."""
        if model.context is None or model.context >= 2 * self.own_prompt:
            return None
        return (
            f"{self.title} begins with some {self.own_prompt:,} tokens of its own, and the context of {model.id}"
            f" is {model.context:,}: it will sum up again and again, or refuse"
        )


def exports(env: Mapping[str, str]) -> tuple[str, ...]:
    """Lines for a shell."""
    return tuple(f"export {name}={shlex.quote(value)}" for name, value in env.items())
