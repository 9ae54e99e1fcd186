"""`paddock usage`: who used what, by key, model and day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from paddock.api.address import DEFAULT_URL
from paddock.cli.options import Json, Key, Url, connect
from paddock.cli.output.terminal import complain, print_json, print_table
from paddock.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paddock.api.usage import UsageRow

EXAMPLE = "Example: paddock usage --since 7d --by day,key"
Since = Annotated[
    str,
    typer.Option(
        "--since", metavar="TIME", help="So far back, by whole days: `7d`, or from `2026-11-30` on."
    ),
]
_PARTS = ("day", "key", "model")


def _parts(incomplete: str) -> list[str]:
    """For the shell's Tab: what may follow what is there."""
    before, comma, last = incomplete.rpartition(",")
    used = before.split(",")
    return [before + comma + part for part in _PARTS if part.startswith(last) and part not in used]


By = Annotated[
    str,
    typer.Option(
        "--by",
        metavar="PARTS",
        help="What a row is of: `day`, `key`, `model`, or several, with commas.",
        autocompletion=_parts,
    ),
]
_HEADERS = ("REQUESTS", "PROMPT TOKENS", "ANSWER TOKENS", "TIME", "UNCOUNTED")


def usage(
    since: Since = "30d",
    by: By = "key,model",
    url: Url = DEFAULT_URL,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Show what was used: requests, tokens of prompts and answers, and the time that models took for them.

    Days are those of the daemon's machine. UNCOUNTED is the number of requests whose reply did not say how many tokens it took, for example because the client hung up. Their tokens are counted as far as the model's log had reported them, so the sums may be too small.
    """
    from datetime import datetime

    from paddock.cli.times import since as time_of

    parts = _chosen(by)
    day = datetime.fromisoformat(time_of(since, "--since")).astimezone().date().isoformat()
    found = connect(url, key).usage(day)
    if as_json:
        print_json(found)
        return
    if not found.rows:
        print(f"no model was asked since {found.since}")
        return
    print_table(
        [*map(str.upper, parts), *_HEADERS],
        [[*place, *_figures(row)] for place, row in _summed(found.rows, parts)],
    )
    if any(row.uncounted for row in found.rows):
        complain(
            "the sums may be too small: the replies to UNCOUNTED requests did not say how many tokens they took"
        )


def _chosen(by: str) -> list[str]:
    words = [word.strip() for word in by.split(",")]
    if not all(word in _PARTS for word in words) or len(set(words)) < len(words):
        raise BadRequest(f"--by takes day, key and model, or some of them, not {by!r}")
    return words


def _summed(
    rows: Sequence[UsageRow], parts: Sequence[str]
) -> list[tuple[tuple[str, ...], UsageRow]]:
    """One row for each of these parts, who used most tokens first; by days, the newest day."""
    from paddock.api.usage import total

    places: dict[tuple[str, ...], list[UsageRow]] = {}
    for row in rows:
        places.setdefault(tuple(_named(row, part) for part in parts), []).append(row)
    sums = [(place, total(found)) for place, found in places.items()]
    sums.sort(key=lambda one: one[1].prompt_tokens + one[1].answer_tokens, reverse=True)
    if "day" in parts:
        sums.sort(key=lambda one: one[0][parts.index("day")], reverse=True)
    return sums


def _named(row: UsageRow, part: str) -> str:
    return str(getattr(row, part)) or "(no key)"


def _figures(row: UsageRow) -> list[str]:
    from paddock.figures.units import seconds

    return [
        f"{row.requests:,}",
        f"{row.prompt_tokens:,}",
        f"{row.answer_tokens:,}",
        seconds(row.seconds),
        f"{row.uncounted:,}" if row.uncounted else "",
    ]
