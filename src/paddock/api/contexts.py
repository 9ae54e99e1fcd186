"""What is kept of what a model has read, and what that has saved."""

from typing import Literal

import msgspec


class KeptContext(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Of one instance: what the next one will find, and what this one found."""

    place: Literal["", "ram", "disk"] = ""  # where; "": nothing is kept
    kept_tokens: int = 0  # saved now
    kept_mib: int = 0
    reused_tokens: int = 0  # of what was restored, by the conversations that went on
    saved_seconds: float = 0.0  # that reading these again would have taken, less their restoring
    note: str = ""  # why nothing is kept, or not all


class SavedContext(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What one version of a profile has saved: a file for each slot, and those saved by hand."""

    id: str
    place: Literal["ram", "disk"]
    files: int
    mib: float
    saved_at: str  # the newest of them
    profile: str = (
        ""  # "": no profile as it is now; of flags, a file or a build that was changed since
    )
    instance: str = ""  # the one that runs with it
    by_hand: int = 0  # of the files


class SavedContexts(msgspec.Struct, kw_only=True):
    """Of all profiles, the newest first."""

    contexts: list[SavedContext]
    limit_mib: int  # of all on the disk, and of all in RAM


class Spared(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What kept contexts have saved one profile, over all time."""

    tokens: int = 0  # that were not read again
    seconds: float = 0.0
    times: int = 0  # conversations that went on in a restored slot
