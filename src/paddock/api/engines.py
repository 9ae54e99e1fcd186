"""What crosses the API of engines: what there is, how each one's trial went, which is the default."""

import msgspec


class TrialInfo(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The newest trial of one build."""

    tried_at: str
    passed: bool
    cases: int  # how many models it was tried on
    against: str = ""  # the engine that it was compared with
    failures: list[str] = []  # what was worse or failed, a line each


class EngineInfo(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One engine."""

    name: str
    default: bool = False
    version: str = ""
    build: int | None = None  # of llama.cpp
    kind: str = ""
    error: str = ""  # why it is unusable
    patches: list[str] = []
    note: str = ""
    url: str = ""  # what it waits for
    tried: TrialInfo | None = None  # None: never, or another build of that name was
    profiles: list[str] = []  # those that name it


class EngineList(msgspec.Struct, kw_only=True, omit_defaults=True):
    """All engines; after a change of the default as they are then."""

    engines: list[EngineInfo]
    can_roll_back: bool = False
    former: str | None = None  # the default that a rollback goes to; None: the first that is found


class PromoteRequest(msgspec.Struct, kw_only=True):
    """Make this engine the default."""

    engine: str
    force: bool = False  # although no trial of it has passed
