"""Wire types of one profile in full: its flags with their origins, and what its model file says."""

import msgspec

from paddock.api.types import ProfileInfo


class FlagInfo(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One flag of the effective command line."""

    flag: str  # `--ctx-size`
    values: list[str] = []
    origin: str = ""  # `[glm] CTX_SIZE, line 9`
    overridden: list[str] = []  # nearest first: `4096 ([*] CTX_SIZE, line 2)`


class ProfileDetail(msgspec.Struct, kw_only=True, omit_defaults=True):
    """All that is known of a profile without asking its engine."""

    profile: ProfileInfo
    flags: list[FlagInfo] = []
    facts: dict[str, str] = {}  # of the model file, in words: `layers`, `context`, `quantisation`…
    facts_problem: str = ""  # why there are none
    comments: list[str] = []  # as typed in models.conf
    contradictions: list[str] = []  # where the file says otherwise than what was typed
