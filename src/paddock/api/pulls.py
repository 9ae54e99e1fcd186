"""What crosses the API of downloads: what is fetched from a hub, how far it is, and what became of it. Bytes, seconds."""

from typing import Literal

import msgspec

PullState = Literal["running", "paused", "done", "failed", "cancelled"]
PullVerb = Literal["pause", "resume", "cancel"]


class PullFile(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One file of a download."""

    path: str  # within the repository
    size: int
    done: int = 0
    stage: Literal["waiting", "fetching", "checking", "done"] = "waiting"


class PullFailure(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why a download did not come to its end."""

    code: str
    message: str
    hint: str = ""


class PullInfo(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One download of the daemon's."""

    id: str
    model: str  # as it was asked for: `OWNER/REPO:QUANT`
    state: PullState
    quantisation: str = ""  # that was chosen, once that is known
    files: list[PullFile] = []
    rate: float | None = None  # bytes/s
    eta: float | None = None
    note: str = ""  # what it waits for, in words
    profile: str = ""  # that was made of it, once it is done
    failure: PullFailure | None = None

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def done(self) -> int:
        return sum(file.done for file in self.files)

    @property
    def is_over(self) -> bool:
        return self.state in ("done", "failed", "cancelled")

    def in_words(self) -> str:
        """In one line."""
        if self.failure:
            return f"{self.state}: {self.failure.message}"
        if self.state == "done":
            return f"done, as [{self.profile}]" if self.profile else "done"
        share = f", {self.done / self.size:.0%}" if self.size else ""
        return f"{self.state}{share}"


class PullRequest(msgspec.Struct, kw_only=True):
    """Fetch this model and write its profile."""

    model: str  # `OWNER/REPO[:QUANT]`, `hf.co/…`, an address, a file within a repository
    name: str = ""  # of its profile; "": as `paddock init` would call it
    rate: str = ""  # at most so much a second: `20M`


class PullQuantisation(msgspec.Struct, kw_only=True):
    """What one quantisation would be on this machine."""

    quantisation: str
    files: list[str]  # paths within the repository, the projector among them
    bytes: int
    fit: Literal["gpu", "ram", "part", "no"]
    context: int  # tokens that fit
    header_read: bool  # else it is reckoned by its size
    mib: dict[str, int]  # by device


class PullForecast(msgspec.Struct, kw_only=True):
    """What a download would fetch and what that would be here, before a byte of weights is fetched."""

    repository: str
    commit: str
    about: str  # what it is: its name, architecture, parameters, layers, trained context
    chosen: str  # the quantisation that is named, else the best here
    quantisations: list[PullQuantisation]
    bytes_left: int
    disk_free: int  # bytes
    into: str
    drafts: list[str]  # draft models in it, by their paths; fetched by their own names
    pushes_out: list[str] | None = None  # profiles that would have to leave for it; None: unknown
    expected_speed: float | None = None  # tokens/s, by models that were measured here


class PullList(msgspec.Struct, kw_only=True):
    """The downloads since the daemon began, the newest last."""

    pulls: list[PullInfo]
