"""What `paddock import` shows: the profiles, what is not as it was, once for each reason, and what to type next."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from paddock.cli.output.init_report import print_written
from paddock.cli.output.terminal import paint, print_json, print_table

if TYPE_CHECKING:
    from pathlib import Path

    from paddock.cli.offline.draft import Draft, Written
    from paddock.importing.page import Kind, Note, Page

_TITLES: dict[Kind, str] = {
    "lost": "NOT CARRIED OVER",
    "changed": "CHANGED",
    "look": "WORTH A LOOK",
}
_SHOWN = 4  # places of one reason; --json lists all
_PLACE = re.compile(r"(?P<file>[^\s:]+):(?P<line>[\d-]+)(?: (?P<key>.*))?")


@dataclass(slots=True)
class Group:
    """All notes of one reason."""

    kind: Kind
    why: str
    notes: list[Note] = field(default_factory=list)

    def places(self) -> str:
        """The first few in full, of the rest the number and the lines; what is the same for all is said once."""
        whats = {note.what for note in self.notes}
        is_same = len(self.notes) > 1 and len(whats) == 1
        head = f"{whats.pop()}: " if is_same and "" not in whats else ""
        places = list(dict.fromkeys(note.where if head else _place(note) for note in self.notes))
        return f"{head}{', '.join(places[:_SHOWN])}{self._more(len(places) - _SHOWN)}"

    def _more(self, count: int) -> str:
        if count <= 0:
            return ""
        found = (_PLACE.fullmatch(note.where) for note in self.notes[_SHOWN:])
        lines = dict.fromkeys(one["line"] for one in found if one)
        where = f" in lines {', '.join(lines)}" if lines else ""
        return f" and {count} more{where}"


def _place(note: Note) -> str:
    return f"{note.where}: {note.what}" if note.what else note.where


def groups(notes: Iterable[Note]) -> list[Group]:
    """One for each kind and reason, in the order in which they first come."""
    found: dict[tuple[str, str], Group] = {}
    for note in notes:
        group = found.setdefault((note.kind, note.why), Group(note.kind, note.why))
        group.notes.append(note)
    return list(found.values())


def print_page(page: Page, draft: Draft, written: Written, engines: str) -> None:
    """For people; `engines` says which there are now."""
    print_table(["PROFILE"], [[name] for name in page.profiles])
    found = groups(page.notes)
    for kind, title in _TITLES.items():
        _print_groups(title, [group for group in found if group.kind == kind])
    if engines:
        print(f"\n{engines}")
    print_written(draft, written)


def print_page_as_json(page: Page, draft: Draft, written: Written) -> None:
    """For programs."""
    print_json(
        {
            "file": str(written.output),
            "backup": str(written.backup or ""),
            "settings": str(written.settings or ""),
            "settings_text": draft.settings_text,
            "profiles": page.profiles,
            "notes": [
                {"where": n.where, "what": n.what, "why": n.why, "kind": n.kind} for n in page.notes
            ],
            "text": draft.text,
        }
    )


def dry_lines(page: Page, settings: Path, text: str) -> Iterator[str]:
    """What would be printed beside the file: one line for each reason, and what paddock.toml would get."""
    for group in groups(page.notes):
        yield f"{group.kind}: {group.places()}: {group.why}"
    if text:
        yield f"{settings} would get:"
        yield from text.splitlines()


def _print_groups(title: str, found: Sequence[Group]) -> None:
    if found:
        print(f"\n{paint(title, 'bold')}")
    for group in found:
        print(f"  {group.why}")
        print(f"    {group.places()}")
