"""The way over Xet, with a faked session in place of hf_xet's: no Xet server can be had here."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from paddock.hub.refusals import HubContradicts
from tests.hub.fake_hub import digest
from tests.hub.stage import Stage
from tests.hub.test_download import Dies, dying_after


class FakeStream:
    """Some bytes, then an error where there is one."""

    def __init__(self, body: bytes, error: Exception | None) -> None:
        self._body, self._error = body, error

    def __iter__(self) -> Iterator[bytes]:
        for at in range(0, len(self._body), 50_000):
            yield self._body[at : at + 50_000]
        if self._error:
            raise self._error

    def cancel(self) -> None: ...


class FakeSession:
    """Streams the file from where it is asked to; `breaks_after`: bytes of a stream."""

    def __init__(self, content: bytes, breaks_after: int | None = None) -> None:
        self.content, self.breaks_after = content, breaks_after
        self.starts: list[int] = []

    def new_download_stream_group(self, **_: Any) -> "FakeSession":
        return self

    def download_stream(self, info: Any, start: int | None = None) -> FakeStream:
        begun = start or 0
        self.starts.append(begun)
        end = None if self.breaks_after is None else begun + self.breaks_after
        error = None if end is None else RuntimeError("the stream broke")
        return FakeStream(self.content[begun:end], error)


@pytest.fixture
def session(stage: Stage, weights: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSession:
    stage.fake.faults.offers_xet = True
    made = FakeSession(weights.read_bytes())
    way = SimpleNamespace(endpoint=stage.fake.url, access_token="t", expiration_unix_epoch=1)
    monkeypatch.setattr("huggingface_hub.utils._xet.get_xet_session", lambda: made)
    monkeypatch.setattr("huggingface_hub.utils._xet.refresh_xet_connection_info", lambda **_: way)
    return made


def test_with_a_faked_session_a_file_goes_on_from_where_it_ended_and_is_checked(
    stage: Stage, session: FakeSession, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dying_after(400_000, monkeypatch), suppress(Dies):
        stage.pulled()
    [path] = stage.pulled()
    assert digest(path) == digest(weights)
    assert session.starts == [0, 400_000]
    assert not stage.fake.asked("GET", "/content/")


def test_with_a_faked_session_that_breaks_the_rest_comes_over_http(
    stage: Stage, session: FakeSession, weights: Path
) -> None:
    session.breaks_after = 300_000
    [path] = stage.pulled()
    assert digest(path) == digest(weights)
    assert stage.fake.asked("GET", "/content/")[-1].range == "bytes=300000-"


def test_with_a_faked_session_other_bytes_are_found_as_well(
    stage: Stage, session: FakeSession
) -> None:
    session.content = session.content[:-1] + b"?"
    with pytest.raises(HubContradicts, match="hash differs"):
        stage.pulled()
    assert not list(stage.top.rglob("*.gguf"))
