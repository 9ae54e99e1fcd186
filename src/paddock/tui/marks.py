"""States, verdicts and kinds of news as a symbol, a word and a tone: colour never is the only carrier."""

from dataclasses import dataclass
from typing import Literal

from paddock.api.placement import VerdictState
from paddock.api.types import State
from paddock.tui.state import Link, NoticeKind

Tone = Literal["plain", "good", "busy", "warn", "bad", "dim"]


@dataclass(frozen=True, slots=True)
class Mark:
    """One cell of symbol, one word, one tone."""

    symbol: str
    word: str
    tone: Tone

    def __str__(self) -> str:
        return f"{self.symbol} {self.word}"


STATES: dict[State, Mark] = {
    "unloaded": Mark("○", "unloaded", "dim"),
    "queued": Mark("⋯", "queued", "warn"),
    "loading": Mark("◐", "loading", "warn"),
    "ready": Mark("●", "ready", "good"),
    "busy": Mark("▶", "busy", "busy"),
    "draining": Mark("◑", "draining", "warn"),
    "stopping": Mark("◌", "stopping", "warn"),
    "failed": Mark("✗", "failed", "bad"),
}
VERDICTS: dict[VerdictState, Mark] = {
    "verified": Mark("✓", "verified", "good"),
    "degraded": Mark("▲", "degraded", "warn"),
    "unknown": Mark("?", "unknown", "dim"),
}
LINKS: dict[Link, Mark] = {
    "connecting": Mark("◌", "connecting", "warn"),
    "live": Mark("●", "live", "good"),
    "lost": Mark("✗", "no connection", "bad"),
}
NOTICES: dict[NoticeKind, Mark] = {
    "ready": Mark("●", "ready", "good"),
    "failed": Mark("✗", "failed", "bad"),
    "cancelled": Mark("○", "cancelled", "dim"),
    "degraded": Mark("▲", "degraded", "warn"),
    "config": Mark("≡", "models.conf", "plain"),
    "link": Mark("⇄", "connection", "warn"),
    "yield": Mark("◌", "yield", "warn"),
    "pull": Mark("↓", "download", "plain"),
    "tuning": Mark("⚖", "tuning", "plain"),
    "bench": Mark("⏱", "benchmark", "plain"),
}
