"""Wire types about what happens now, and what a switch would do. MiB, seconds, tokens/s."""

from typing import Literal

import msgspec

from paddock.api.placement import VerdictState

RequestPhase = Literal["queued", "prompt", "generating"]


class RequestInfo(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One request that the gateway is serving."""

    id: int
    profile: str
    instance: str | None = None  # None while it waits for one
    surface: str = ""  # `openai`, `anthropic`, `llama`…
    client: str = ""  # the client's name for itself, `User-Agent` up to the first blank
    phase: RequestPhase = "queued"
    since: str = ""  # when it came, ISO 8601
    age: float = 0.0  # seconds
    prompt_tokens: int | None = None
    prompt_fraction: float | None = None  # 0 to 1, while the prompt is read
    generated_tokens: int | None = None
    speed: float | None = None  # of its phase, tokens/s; None where the instance does not report it
    samplers: dict[str, float] = {}  # in effect, as its profile or the request itself says
    overruled: list[str] = []  # samplers that it asked for, and its profile does not let it set


class Totals(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Since the daemon began."""

    requests: int = 0
    failed: int = 0  # answered with an error, or left by the client
    prompt_tokens: int = 0
    generated_tokens: int = 0


class Leaver(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Who would have to leave for a switch."""

    profile: str
    busy: bool = False
    idle: float | None = None  # seconds without a request


class Need(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a profile would take of one device."""

    device: str
    mib: int
    of: int | None = None  # MiB that there are when all of ours have left


class Preview(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What would happen if a profile were switched to now."""

    profile: str
    state: str  # of the profile: `ready` means that nothing would happen
    leavers: list[Leaver] = []
    needs: list[Need] = []
    refused: str = ""  # the sum that does not work out, where it would be refused
    unloadable: str = ""  # what is known of its file or engine, where it would be refused for that
    seconds: float | None = None  # what its last load took
    size_mib: int | None = None  # of its files; and how much of them the page cache holds now:
    cached_mib: int | None = None  # None where that cannot be known, as of files on a network
    network_mib: int | None = None  # weights that the load sends to other machines' devices
    # What a load would take now: `seconds`, and what the disk has to give more or less than then.
    eta: float | None = None
    verdict: VerdictState | None = None  # of its last load
    summary: str = ""  # all of it in one sentence
