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


class Spared(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What kept contexts have saved one profile, over all time."""

    tokens: int = 0  # that were not read again
    seconds: float = 0.0
    times: int = 0  # conversations that went on in a restored slot
