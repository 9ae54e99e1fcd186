"""Wire types of what switches cost together, and what would end the costliest of it. Seconds, tokens."""

from typing import Literal

import msgspec


class Remedy(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A change after which two profiles fit beside each other, by the plans of what it makes of them."""

    message: str  # `with ctx-size = 16384 in coder both fit`
    settings: dict[str, str] = {}  # by profile: the line to write in its section
    source: Literal["engine", "estimate"] = "engine"  # who planned it


class Alternation(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Two profiles that made each other leave, both ways."""

    one: str
    other: str
    times: int  # switches for which one of them left the other its room
    waited: float = 0.0  # seconds that requests waited for these switches, all of them added up
    loading: float = 0.0  # seconds from process start to ready
    read_again: int = 0  # tokens
    read_again_seconds: float = 0.0
    fits: bool | None = None  # by their plans, together; None where a profile is no more
    why: str = ""  # the sum that does not work out
    remedies: list[Remedy] = []


class ProfileStats(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The switches to one profile."""

    profile: str
    switches: int
    failed: int = 0
    seconds: float = 0.0  # from the first wish to ready, added up
    waits: int = 0  # requests that waited for a switch
    waited: float = 0.0
    longest_wait: float = 0.0
    read_again: int = 0
    read_again_seconds: float = 0.0


class Stats(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What switches cost since a point in time. Costs of alternations overlap: a switch that two had to
    leave for counts in both."""

    since: str
    total: ProfileStats  # of all profiles; its name is empty
    profiles: list[ProfileStats] = []  # who was waited for longest comes first
    alternations: list[Alternation] = []  # the costliest come first
