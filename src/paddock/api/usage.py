"""Wire types of who used what: requests, tokens and seconds by key, model and day."""

from collections.abc import Iterable

import msgspec


class UsageRow(msgspec.Struct, kw_only=True):
    """What the requests with one key have used of one model in one day."""

    day: str  # `2026-11-30`, by the daemon's local time
    key: str  # its name; `api-keys` or `management-keys` for one of paddock.toml, empty without a key
    model: str  # the profile
    requests: int = 0  # that reached the model, whatever became of them
    prompt_tokens: int = 0  # of whole prompts, what was cached included
    answer_tokens: int = 0
    seconds: float = 0.0  # from being let in to the reply's end, added up
    # Requests whose reply reported no tokens, as of a client that hung up: of these the tokens are those that
    # the model's log had reported by then, which are too few.
    uncounted: int = 0


class UsageReport(msgspec.Struct, kw_only=True):
    """A row for each day, key and model, the newest day first."""

    since: str  # a day
    until: str
    rows: list[UsageRow]


def total(rows: Iterable[UsageRow]) -> UsageRow:
    """All of them together, without a day, a key and a model."""
    found = UsageRow(day="", key="", model="")
    for row in rows:
        found.requests += row.requests
        found.prompt_tokens += row.prompt_tokens
        found.answer_tokens += row.answer_tokens
        found.seconds += row.seconds
        found.uncounted += row.uncounted
    return found
