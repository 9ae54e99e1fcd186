"""Wire types of switches that were: their phases, and what they cost together."""

from typing import Literal

import msgspec

PhaseName = Literal[
    "downloading",  # its files came from a hub first
    "queued",  # waited for its turn: another load was under way
    "tenure",  # others may stay for a while although nobody asks them just now
    "draining",  # others finished their requests
    "saving",  # another saved its context
    "stopping",  # another was being stopped
    "memory",  # until the memory was really free
    "starting",
    "fitting",
    "loading",
    "warming",
    "restoring",  # what its predecessor saved was read back
    "first-token",  # from ready to the first token of the request that waited
]


class SwitchPhase(msgspec.Struct, kw_only=True, omit_defaults=True, frozen=True):
    """One part of a switch; the next one begins where it ends."""

    name: PhaseName
    seconds: float
    part: str = ""  # as in `Progress`: who was waited for, or what was loaded


class SwitchEntry(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One switch, from the first wish for a profile to its end, and on to the first token."""

    id: int = 0  # its number, given when it is written down
    profile: str
    instance: str
    ended_at: str  # when it got ready, failed or was cancelled
    seconds: float  # from the first wish to that; the first token comes after it
    outcome: Literal["ready", "failed", "cancelled"]
    phases: list[SwitchPhase] = []
    left: list[str] = []  # who had to leave for it
    waits: list[float] = []  # seconds that each request waited which it let in: at most 100 of them
    prompt_tokens: int | None = None  # that the first request's prompt took to read
    # At most so many of them had been read before the profile was unloaded; None: nothing came back.
    read_again: int | None = None
    read_again_seconds: float | None = None  # that these took


class SwitchHistory(msgspec.Struct, kw_only=True):
    """Switches, the newest first."""

    switches: list[SwitchEntry]
