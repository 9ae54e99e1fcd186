"""Requests that a home has from us and has not finished, as tokens that are to be read and written."""

from dataclasses import dataclass, field

from paddock.cluster.policy.choice import Wanted
from paddock.cluster.policy.facts import NodeName


@dataclass(frozen=True, slots=True)
class SentRequest:
    """A request that a node has and has not finished."""

    wanted: Wanted
    node: NodeName
    fresh: int  # tokens of its prompt that the home had not read when it was sent
    began_at: float | None = None  # its first byte of answer came: its prompt is read


@dataclass(slots=True)
class HomeWork:
    """Of one home. Sums are kept for those that have not begun: there may be hundreds."""

    waiting: dict[int, SentRequest] = field(default_factory=dict)
    begun: dict[int, SentRequest] = field(default_factory=dict)
    unread: int = 0  # tokens of prompts of those that wait
    unwritten: int = 0  # tokens of their answers

    def __bool__(self) -> bool:
        return bool(self.waiting or self.begun)

    def add(self, ticket: int, sent: SentRequest) -> None:
        self.waiting[ticket] = sent
        self.unread += sent.fresh
        self.unwritten += sent.wanted.answer_tokens

    def begin(self, ticket: int, sent: SentRequest) -> None:
        self.remove(ticket)
        self.begun[ticket] = sent

    def remove(self, ticket: int) -> None:
        if sent := self.waiting.pop(ticket, None):
            self.unread -= sent.fresh
            self.unwritten -= sent.wanted.answer_tokens
        self.begun.pop(ticket, None)

    def tokens(self) -> int:
        """That all of them were sent for, whatever of that is done."""
        begun = sum(sent.fresh + sent.wanted.answer_tokens for sent in self.begun.values())
        return self.unread + self.unwritten + begun

    def left(self, now: float, generation_speed: float) -> tuple[int, float]:
        """Tokens of prompts that are not read, and of answers that are not written, as far as can be known."""
        writing = sum(_unwritten(sent, now, generation_speed) for sent in self.begun.values())
        return self.unread, self.unwritten + writing


def _unwritten(sent: SentRequest, now: float, speed: float) -> float:
    """At least one token: it has not ended."""
    since = now if sent.began_at is None else sent.began_at
    return max(sent.wanted.answer_tokens - (now - since) * speed, 1.0)


NOTHING = HomeWork()
