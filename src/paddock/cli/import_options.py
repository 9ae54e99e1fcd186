"""The options that the verbs of `paddock import` share, and what they are turned into.

Nothing heavy is imported here: every verb pays for it, `paddock --help` too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any

import typer

from paddock.cli.options import Force, Json, Output

DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the file and write nothing.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where an import goes, and how it is shown."""

    output: Path | None
    force: bool  # replace what is there, and keep it as .bak
    dry_run: bool
    as_json: bool

    @property
    def may_replace(self) -> bool:
        """What is only printed replaces nothing."""
        return self.force or self.dry_run


def _target(
    output: Output = None, force: Force = False, dry_run: DryRun = False, as_json: Json = False
) -> Target:
    return Target(output=output, force=force, dry_run=dry_run, as_json=as_json)


def importing(verb: Callable[..., None]) -> Callable[..., None]:
    """The verb with the shared options after its own; it gets them as its parameter `target`."""
    shared, own = _parameters(_target), _parameters(verb)
    del own["target"]

    def command(**given: Any) -> None:
        chosen = {name: given.pop(name) for name in shared}
        verb(target=_target(**chosen), **given)

    parameters = {**own, **shared}
    command.__name__, command.__doc__ = verb.__name__, verb.__doc__
    command.__annotations__ = {name: one.annotation for name, one in parameters.items()}
    command.__signature__ = Signature(list(parameters.values()))  # type: ignore[attr-defined]  # what Typer reads
    return command


def _parameters(function: Callable[..., object]) -> dict[str, Parameter]:
    return dict(signature(function, eval_str=True).parameters)
