"""Wire types of models.conf edited over HTTP: its text, what is wrong with a draft, what writing it would change."""

from typing import Literal

import msgspec

from paddock.api.placement import Plan
from paddock.api.types import Failure


class EarlierText(msgspec.Struct, kw_only=True):
    """A text that stood in models.conf until another was written over it here."""

    fingerprint: str
    replaced_at: str  # ISO 8601
    size: int  # bytes


class ConfigText(msgspec.Struct, kw_only=True, omit_defaults=True):
    """models.conf as it is now."""

    path: str
    text: str  # without a byte order mark; line ends as they stand in the file
    fingerprint: str  # SHA-256 of its bytes; empty: there is no such file
    editing: Literal["off", "limited", "full"]  # `web-editor` of paddock.toml
    read_only: str = ""  # why it cannot be written here; empty: it can
    earlier: list[EarlierText] = []  # the newest first


class ConfigDraft(msgspec.Struct, kw_only=True):
    """A text that models.conf may become: `text`, or the earlier one with this fingerprint."""

    text: str | None = None
    earlier: str | None = None


class ConfigProblem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Something wrong or doubtful, as `paddock check` says it."""

    severity: Literal["error", "warning"]
    message: str
    hint: str = ""
    file: str = ""  # empty: models.conf
    line: int = 0  # 0: no line of it alone
    section: str = ""
    key: str = ""
    code: str = ""  # where docs/troubleshooting.md has a heading for it


class ConfigCheck(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is wrong with a draft."""

    ok: bool  # without errors: it can be written
    problems: list[ConfigProblem] = []
    cut: bool = False  # there may be more: the rest was not looked at
    profiles: int = 0
    variants: int = 0


class ConfigChanges(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Profiles by what happens to them."""

    added: list[str] = []
    removed: list[str] = []
    changed: list[str] = []
    restarts: list[str] = []  # those of `changed` that would be started differently
    stale: list[str] = []  # those of which an instance runs on with flags that it no longer has


class PlanChange(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Where a profile would lie, now and by the draft, as known without asking its engine."""

    profile: str
    before: Plan | None = None
    after: Plan | None = None


class ConfigPreview(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What writing a draft would change."""

    check: ConfigCheck
    fingerprint: str  # of what is in the file now, with which it is compared
    difference: list[str] = []  # lines of a unified diff with ` `, `-`, `+` or `@@` in front
    changes: ConfigChanges = msgspec.field(default_factory=ConfigChanges)
    plans: list[PlanChange] = []
    plans_left_out: int = 0  # further profiles whose plan changes


class ConfigWrite(msgspec.Struct, kw_only=True):
    """Order to write it."""

    text: str
    based_on: str  # the fingerprint of the text that was edited


class ConfigUndo(msgspec.Struct, kw_only=True):
    """Order to put an earlier text back, byte for byte."""

    based_on: str  # the fingerprint of the text that is to be replaced
    earlier: str | None = None  # its fingerprint; None: the newest


class ConfigWritten(msgspec.Struct, kw_only=True, omit_defaults=True):
    """It is written."""

    fingerprint: str
    changes: ConfigChanges = msgspec.field(default_factory=ConfigChanges)
    failure: Failure | None = None  # why it could not be made active all the same
