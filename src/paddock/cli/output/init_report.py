"""What `paddock init` shows: what was found, what was left out and why, and what to type next."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paddock.cli.output.terminal import complain, paint, print_json, print_table
from paddock.config.paths import paths
from paddock.figures.units import mib
from paddock.placement.draft_text import plain_path

if TYPE_CHECKING:
    from collections.abc import Iterable

    from paddock.cli.offline.draft import Draft, Written
    from paddock.placement.draft import DraftEntry

_MIB = 1 << 20
_SPILLS = {
    "experts": "experts in RAM",
    "layers": "layers in RAM",
    "too-large": "larger than the memory",
}


def print_all(draft: Draft, written: Written) -> None:
    """For people."""
    print_models(draft.found)
    _print_left_out(draft)
    print_written(draft, written)


def print_models(found: Iterable[DraftEntry]) -> None:
    """A row for each drafted profile."""
    headers = ["PROFILE", "SIZE", "CONTEXT", "WHAT", "NOTE"]
    print_table(headers, [_row(entry) for entry in found])


def print_as_json(draft: Draft, written: Written) -> None:
    """For programs."""
    print_json(
        {
            "file": str(written.output),
            "backup": str(written.backup or ""),
            "settings": str(written.settings or ""),
            "trouble": draft.trouble,
            "profiles": [entry_as_json(entry) for entry in draft.found],
            "drafts": [str(model.file.path) for model in draft.drafts],
            "left_out": [{"path": str(one.path), "why": one.why} for one in draft.left_out],
            "text": draft.text,
        }
    )


def _row(entry: DraftEntry) -> list[str]:
    facts, context = entry.model.facts, entry.context
    kind = "MoE" if facts.experts else "dense"
    what = [kind if entry.model.use == "chat" else entry.model.use]
    what += ["projector"] if entry.model.projector else []
    note = paint(_SPILLS.get(context.reason, ""), "yellow")
    return [entry.id, mib(facts.size_bytes / _MIB), f"{context.tokens:,}", ", ".join(what), note]


def _print_left_out(draft: Draft) -> None:
    rows = [[f"  {plain_path(one.path, draft.folder)}", one.why] for one in draft.left_out]
    rows += [
        [f"  {plain_path(one.file.path, draft.folder)}", "a draft model: see the end of the file"]
        for one in draft.drafts
    ]
    if rows:
        print()
        print_table(["LEFT OUT", "BECAUSE"], rows)


def print_written(draft: Draft, written: Written) -> None:
    """Which files there are now, and what to type next."""
    kept = f"; the previous file is now {written.backup}" if written.backup else ""
    print(f"\nwrote {written.output}{kept}")
    if written.settings:
        note = f": models-dir is {draft.folder}" if "models-dir" in draft.settings_text else ""
        print(f"wrote {written.settings}{note}")
    if draft.trouble:
        complain(f"\n{paint('warning:', 'yellow', sys.stderr)} {draft.trouble}")
    print("\nnext:")
    for command in _next(draft.output):
        print(f"  {command}")


def _next(output: Path) -> list[str]:
    """What to type; the usual file needs no naming."""
    usual, file = is_usual(output), quoted(output)
    named = "" if usual else f" --config {file}"
    return [
        "paddock check" if usual else f"paddock check {file}",
        f"paddock plan --all{named}",
        f"paddock start{named}",
    ]


def is_usual(config: Path) -> bool:
    """Whether commands find this models.conf by themselves."""
    return config == paths(None, None, None, os.environ).config


def quoted(word: Path | str) -> str:
    """For a shell."""
    return shlex.quote(str(word))


def entry_as_json(entry: DraftEntry) -> dict[str, Any]:
    """One drafted profile."""
    model = entry.model
    return {
        "id": entry.id,
        "use": model.use,
        "path": str(model.file.path),
        "mmproj": str(model.projector.path) if model.projector else "",
        "ctx_size": entry.context.tokens,
        "because": entry.context.reason,
        "facts": model.facts,
    }
