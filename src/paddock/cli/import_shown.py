"""What `paddock import` shows: the profiles, what is not as it was, and what to type next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paddock.cli.init_shown import print_written
from paddock.cli.terminal import print_json, print_table

if TYPE_CHECKING:
    from paddock.cli.init import Draft, Written
    from paddock.importing.page import Note, Page


def print_page(page: Page, draft: Draft, written: Written) -> None:
    """For people."""
    print_table(["PROFILE"], [[name] for name in page.profiles])
    _print_notes("NOT CARRIED OVER", [n for n in page.notes if n.kind == "lost"])
    _print_notes("CHANGED", [n for n in page.notes if n.kind == "changed"])
    _print_notes("WORTH A LOOK", [n for n in page.notes if n.kind == "look"])
    print_written(draft, written)


def print_page_as_json(page: Page, draft: Draft, written: Written) -> None:
    """For programs."""
    print_json(
        {
            "file": str(written.output),
            "backup": str(written.backup or ""),
            "settings": str(written.settings or ""),
            "profiles": page.profiles,
            "notes": [{"where": n.where, "why": n.why, "kind": n.kind} for n in page.notes],
            "text": draft.text,
        }
    )


def _print_notes(title: str, notes: list[Note]) -> None:
    if notes:
        print()
        print_table([title, "BECAUSE"], [[f"  {note.where}", note.why] for note in notes])
