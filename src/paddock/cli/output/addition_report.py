"""What `paddock add` and `paddock init` put at the end of a models.conf: the sections, their plans, what to type next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paddock.cli.output.init_report import entry_as_json, is_usual, print_models, quoted
from paddock.cli.output.plan_sheet import print_plan
from paddock.cli.output.terminal import print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paddock.api.placement import Plan
    from paddock.cli.offline.addition import Addition


def print_addition(addition: Addition, plans: Sequence[Plan], *, is_written: bool) -> None:
    """For people: the text, then where each profile would lie."""
    print(addition.sections)
    for plan in plans:
        print_plan(plan)
        print()
    _print_outcome(addition, is_written=is_written)


def print_new(addition: Addition) -> None:
    """A row for each profile that could be added."""
    print_models(addition.entries)


def print_added(addition: Addition) -> None:
    """For people, where the profiles were shown already."""
    _print_outcome(addition, is_written=True)


def print_addition_as_json(addition: Addition, plans: Sequence[Plan], *, is_written: bool) -> None:
    """For programs."""
    print_json(
        {
            "file": str(addition.files.paths.config),
            "written": is_written,
            "profiles": [entry_as_json(entry) for entry in addition.entries],
            "plans": list(plans),
            "text": addition.sections,
        }
    )


def _print_outcome(addition: Addition, *, is_written: bool) -> None:
    config = addition.files.paths.config
    names = ", ".join(f"[{name}]" for name in addition.names)
    if not is_written:
        print(f"{config} is left as it is (--dry-run); {names} would be at its end")
        return
    print(f"added {names} to {config}")
    named = "" if is_usual(config) else f" --config {quoted(config)}"
    print("\nnext:")
    print(f"  paddock show {quoted(addition.names[0])}{named}")
    print(f"  paddock switch {quoted(addition.names[0])}")
