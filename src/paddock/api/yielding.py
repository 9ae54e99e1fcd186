"""What crosses the API of yielding: all GPUs left to other programs for a while."""

from datetime import datetime
from typing import Literal

import msgspec


class YieldRequest(msgspec.Struct, kw_only=True):
    """Leave all GPUs to other programs, or say anew for how long."""

    seconds: float | None = None  # None: until somebody resumes
    now: bool = False  # do not wait for running requests
    by: str = ""  # for whom, in a few words; shown to people
    wait: bool = True  # answer when all have left, or after some seconds


class YieldInfo(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The GPUs are left to other programs."""

    since: str
    by: str
    until: str | None = None  # None: until somebody resumes
    requests: Literal["wait", "refuse"] = "wait"  # what happens to those that need a GPU
    leaving: list[str] = []  # still on a GPU: they end after their last request
    staying: list[str] = []  # they run in the machine's own memory alone
    back: list[str] = []  # what ran, and comes back

    def in_words(self) -> str:
        """In one line, with times of day as they are here."""
        until = f" until {_clock(self.until)}" if self.until else ""
        return f"the GPUs are yielded by {self.by} since {_clock(self.since)}{until}"


class YieldResult(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How it stands; `yielded` is None where the GPUs are Paddock's."""

    yielded: YieldInfo | None = None
    back: list[str] = []  # of a resume: what comes back, where there is room


def _clock(time: str) -> str:
    try:
        return datetime.fromisoformat(time).astimezone().strftime("%a %H:%M")
    except ValueError:
        return time
