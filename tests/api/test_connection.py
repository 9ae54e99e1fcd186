"""One exchange: hung up from another thread, given up when nothing comes, against a real server."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import pytest

from paddock.api.client import Client
from paddock.api.connection import HangUp, pieces
from paddock.errors import DaemonUnreachable, PaddockError, UpstreamGone
from tests.api.test_client import Handler, daemon

QUEUED = b'data: {"type": "queue", "seq": 7, "profile": "glm", "waiting": 1}\n\n'


@contextmanager
def silent_after(*said: bytes) -> Iterator[tuple[Client, Event]]:
    """A daemon that says this and then nothing; and what is set once it has said it."""
    fell_silent, over = Event(), Event()

    def answer(handler: Handler) -> None:
        handler.stream(*said, end=False)
        handler.wfile.flush()
        fell_silent.set()
        over.wait(30)

    with daemon(answer) as client:
        try:
            yield client, fell_silent
        finally:
            over.set()


def test_a_reader_that_waits_is_hung_up_from_another_thread() -> None:
    line, numbers, errors = HangUp(), list[int](), list[PaddockError]()

    def read(client: Client) -> None:
        try:
            with client.watch(line=line) as events:
                numbers.extend(event.seq for event in events)
        except PaddockError as error:
            errors.append(error)

    with silent_after(QUEUED) as (client, fell_silent):
        reader = Thread(target=read, args=(client,))
        reader.start()
        assert fell_silent.wait(30)
        line.cut()
        reader.join(30)
        assert not reader.is_alive()
    assert numbers in ([], [7])  # cut before or after it was read
    assert [type(error) for error in errors] == [UpstreamGone]


def test_a_line_that_was_cut_before_lets_nothing_begin() -> None:
    line = HangUp()
    line.cut()
    with daemon(lambda h: h.reply({})) as client:
        with pytest.raises(UpstreamGone), client.watch(line=line):
            pytest.fail("it was cut")
        assert client.health(), "others go on"


def test_to_cut_what_is_over_does_nothing() -> None:
    line = HangUp()
    with daemon(lambda h: h.sse()) as client:
        with client.watch(line=line) as events:
            assert list(events) == []
        line.cut()
    assert line.is_cut


def test_who_says_nothing_for_too_long_is_taken_for_gone() -> None:
    with (
        silent_after(QUEUED) as (client, _),
        pytest.raises(DaemonUnreachable) as caught,
        client.connection.exchange("GET", "/events", silence=0.2) as response,
    ):
        assert b"".join(pieces(response))
    assert str(caught.value) == f"{client.url} did not answer within 0.2 s"


def test_a_watch_begins_when_the_daemon_answers_though_nothing_happens() -> None:
    with silent_after() as (client, _), client.watch() as events:
        del events  # the block was entered: it is connected


def test_an_event_that_is_not_understood_is_an_error_with_a_hint() -> None:
    strange = {"type": "queue", "seq": 7, "profile": "glm", "waiting": "many"}
    with daemon(lambda h: h.sse(strange)) as client, pytest.raises(PaddockError) as caught:
        list(client.events())
    assert str(caught.value).startswith("/events answered with something else than expected")
    assert "paddock version" in caught.value.hint
