"""Words that are no verb of ours: what a user of other programs means by them, and `--version`."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from paddock import DISTRIBUTION, __version__

# What Ollama, llama-swap, LM Studio and Docker call it.
_MEANT = {
    "load": "switch",
    "use": "switch",
    "ls": "list",
    "models": "list",
    "ps": "status",
    "rm": "unload",
    "kill": "stop",
    "chat": "ask",
    "new": "add",
}


class Verbs(TyperGroup):
    """The verbs; another program's word for one is answered with ours."""

    # Typer keeps a click of its own, whose types are private.
    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As click does it. Exit status 2 for a word that is no verb."""
        word = args[0]
        if word not in self.commands and word in _MEANT:
            rest = f" {' '.join(args[1:])}" if args[1:] else ""
            ctx.fail(f"No such command '{word}'. Did you mean: paddock {_MEANT[word]}{rest}")
        return super().resolve_command(ctx, args)


def print_version(is_wanted: bool) -> None:
    """Of the program alone; `paddock version` asks the daemon too."""
    if is_wanted:
        print(f"paddock {__version__} ({DISTRIBUTION})")
        raise typer.Exit
