"""The body of a large reply, read from its connection: every byte, in pieces, and the client's own errors."""

from dataclasses import dataclass, field
from pathlib import Path

import httpcore2
import httpx2
import pytest

from paddock.hub.large_body import PIECE, _rest
from paddock.hub.library import hub_of
from paddock.hub.names import parsed
from tests.hub.fake_hub import FakeHub
from tests.hub.stage import Stage


@dataclass
class Network:
    """A connection as TLS shows it: its records one by one, then an error or the end."""

    records: list[bytes]
    error: Exception | None = None
    asked: list[int] = field(default_factory=list)

    def read(self, wanted: int, timeout: float | None = None) -> bytes:
        assert timeout == 3.0
        self.asked.append(wanted)
        if not self.records and self.error:
            raise self.error
        record = self.records.pop(0) if self.records else b""
        if len(record) > wanted:
            self.records.insert(0, record[wanted:])
        return record[:wanted]

    def get_extra_info(self, info: str) -> bool:
        assert info == "is_readable"
        return bool(self.records or self.error)


def records(count: int) -> list[bytes]:
    return [bytes([number % 251]) * (16 << 10) for number in range(count)]


def test_small_records_come_joined_and_no_byte_behind_the_body_is_read() -> None:
    sent = records(40)
    network = Network([*sent, b"the next reply"])
    pieces = list(_rest(network, 40 * (16 << 10), 3.0))
    assert b"".join(pieces) == b"".join(sent)
    assert [len(piece) for piece in pieces] == [PIECE, PIECE, 8 * (16 << 10)]
    assert network.records == [b"the next reply"]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (None, httpx2.RemoteProtocolError),
        (httpcore2.ReadError("reset"), httpx2.ReadError),
        (httpcore2.ReadTimeout("slow"), httpx2.ReadTimeout),
        (OSError(9, "closed under it"), httpx2.ReadError),
    ],
)
def test_what_came_before_an_error_is_given_before_it(
    error: Exception | None, kind: type[Exception]
) -> None:
    rest = _rest(Network(records(3), error), 1 << 20, 3.0)
    assert next(rest) == b"".join(records(3))
    with pytest.raises(kind):
        next(rest)


@pytest.mark.parametrize("large", [100_000, 1 << 30], ids=["read here", "read by the client"])
def test_both_ways_give_the_same_file_whole_and_from_the_middle(
    stage: Stage, fake: FakeHub, weights: Path, monkeypatch: pytest.MonkeyPatch, large: int
) -> None:
    monkeypatch.setattr("paddock.hub.large_body.LARGE", large)
    fake.faults.cuts = [300_000]
    [path] = stage.pulled()
    assert path.read_bytes() == weights.read_bytes()
    assert [one.range for one in fake.asked("GET", "/content/")] == ["", "bytes=300000-"]


def test_a_reply_read_here_ends_its_connection_and_the_next_one_gets_another(
    fake: FakeHub, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read past the client leaves it in the middle of a body: it must not go on there."""
    from huggingface_hub.utils import get_session

    fake.add("acme/Parrot-GGUF", {"Parrot-Q4_K_M.gguf": weights})
    monkeypatch.setenv("HF_ENDPOINT", fake.url)
    hub_of(parsed("acme/Parrot-GGUF"))
    url = f"{fake.url}/acme/Parrot-GGUF/resolve/main/Parrot-Q4_K_M.gguf"
    for _ in range(3):
        assert get_session().get(url).content == weights.read_bytes()
