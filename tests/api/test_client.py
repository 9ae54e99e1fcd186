"""The client, against a real small HTTP server on a free port that says what a daemon would say."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from paddock.api.chat import AnswerPiece, ask
from paddock.api.client import Client, failure_of
from paddock.api.events import SwitchEnded, SwitchProgress
from paddock.errors import (
    DaemonUnreachable,
    LoadFailed,
    NoSuchThing,
    PaddockError,
    Unauthorized,
    UnknownModel,
    UpstreamGone,
)

Answer = Callable[["Handler"], None]

PROGRESS = {"type": "progress", "seq": 5, "time": "t", "profile": "glm"}
ENDED = {"type": "switch-ended", "seq": 9, "time": "t", "profile": "glm", "seconds": 2.5}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.answer(self)  # type: ignore[attr-defined]

    do_POST = do_GET  # noqa: N815  # the name is http.server's

    def reply(self, body: object, status: int = 200) -> None:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def stream(self, *pieces: bytes, end: bool = True) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if end:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True

    def sse(self, *events: object) -> None:
        self.stream(*(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing on stderr."""


@contextmanager
def daemon(answer: Answer) -> Iterator[Client]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.answer = answer  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Client(f"http://127.0.0.1:{server.server_port}", key="k")
        finally:
            server.shutdown()
            thread.join()


def test_a_load_that_failed_is_a_result_and_an_unknown_model_is_an_error() -> None:
    failure = {"code": "load_failed", "message": "exit 1"}
    failed = {"job": "7", "model": "glm", "outcome": "failed", "failure": failure}
    with daemon(lambda h: h.reply(failed, 502)) as client:
        assert isinstance(failure_of(client.switch("glm")), LoadFailed)
    unknown = {"error": {"code": "model_not_found", "message": "no glm"}}
    with daemon(lambda h: h.reply(unknown, 404)) as client, pytest.raises(UnknownModel):
        client.switch("glm")


def test_the_profiles_are_found_within_the_list_that_serves_all_apis() -> None:
    listed = {"id": "glm", "status": {}, "paddock": {"id": "glm", "state": "ready"}}
    with daemon(lambda h: h.reply({"data": [listed]})) as client:
        assert [(p.id, p.state) for p in client.models()] == [("glm", "ready")]


def test_a_request_is_ended_by_its_number() -> None:
    paths: list[str] = []

    def answer(handler: Handler) -> None:
        paths.append(f"{handler.command} {handler.path}")
        handler.reply({"success": True})

    with daemon(answer) as client:
        client.cancel_request(7)
    assert paths == ["POST /requests/7/cancel"]
    gone = {"error": {"code": "not_found", "message": "there is no request 7 in flight"}}
    with daemon(lambda h: h.reply(gone, 404)) as client, pytest.raises(NoSuchThing):
        client.cancel_request(7)


def test_a_preview_is_asked_for_by_name() -> None:
    seen = {"profile": "a/b", "state": "ready", "summary": "is ready"}
    with daemon(lambda h: h.reply(seen, 200 if h.path == "/preview/a%2Fb" else 404)) as client:
        assert client.preview("a/b").summary == "is ready"


def test_a_refusal_comes_back_as_the_same_class_of_error_with_its_hint_and_log() -> None:
    body = {
        "error": {
            "code": "load_failed",
            "message": "no",
            "hint": "try",
            "log": ["line 1", "line 2"],
        }
    }
    with daemon(lambda h: h.reply(body, 502)) as client, pytest.raises(LoadFailed) as caught:
        client.unload("glm")
    assert (caught.value.message, caught.value.hint) == ("no", "try")
    assert caught.value.detail == ("line 1", "line 2")


def test_an_unknown_code_is_kept_in_the_message() -> None:
    body = {"error": {"code": "too_hot", "message": "the GPU burns"}}
    with daemon(lambda h: h.reply(body, 503)) as client, pytest.raises(PaddockError) as caught:
        client.status()
    assert str(caught.value) == "the GPU burns (too_hot, HTTP 503)"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": {"message": "bad", "type": "x", "code": 400}}, "bad"),
        ({"type": "error", "error": {"type": "api_error", "message": "worse"}}, "worse"),
        (b"<html>gateway</html>", "HTTP 400: <html>gateway</html>"),
        (b"", "HTTP 400: no reason given"),
        (b"[1]", "HTTP 400: [1]"),
    ],
)
def test_errors_of_other_shapes_are_understood(body: object, said: str) -> None:
    with daemon(lambda h: h.reply(body, 400)) as client, pytest.raises(PaddockError) as caught:
        client.status()
    assert str(caught.value) == said


def test_no_daemon_is_said_with_what_to_do() -> None:
    with daemon(lambda h: h.reply({})) as client:
        pass  # its port is free again
    assert not client.health()
    with pytest.raises(DaemonUnreachable) as caught:
        client.status()
    assert str(caught.value) == f"no daemon answers at {client.url}"
    assert "paddock start" in caught.value.hint


def test_a_server_that_is_no_paddock_is_not_taken_for_one() -> None:
    with (
        daemon(lambda h: h.reply({"hello": "there"})) as client,
        pytest.raises(PaddockError) as caught,
    ):
        client.status()
    assert "/status answered with something else" in str(caught.value)


def test_the_key_is_sent_and_its_refusal_understood() -> None:
    def guarded(handler: Handler) -> None:
        if handler.headers["Authorization"] == "Bearer k":
            handler.reply({"success": True, "models": ["glm"]})
        else:
            handler.reply({"error": {"code": "unauthorized", "message": "no key"}}, 401)

    with daemon(guarded) as client:
        assert client.unload("glm", now=True).models == ["glm"]
        with pytest.raises(Unauthorized):
            Client(client.url).unload()


def test_a_switch_reports_until_its_end_and_not_beyond() -> None:
    def switching(handler: Handler) -> None:
        assert json.loads(handler.body)["model"] == "glm"
        stage = {"stage": "loading", "fraction": 0.5}
        newer = {"type": "of-a-newer-daemon"}
        handler.sse(
            PROGRESS | {"progress": stage}, newer, ENDED | {"outcome": "ready"}, {"type": "x"}
        )

    with daemon(switching) as client:
        seen = list(client.switch_progress("glm"))
    assert [type(event) for event in seen] == [SwitchProgress, SwitchEnded]
    assert isinstance(seen[0], SwitchProgress)
    assert seen[0].progress.fraction == 0.5


def test_a_failed_switch_gives_the_cause() -> None:
    failure = {"code": "load_failed", "message": "exit 1", "log": ["E oom"]}
    ended = ENDED | {"outcome": "failed", "failure": failure}
    with daemon(lambda h: h.sse(ended)) as client:
        (event,) = client.switch_progress("glm")
    assert isinstance(event, SwitchEnded)
    error = failure_of(event)
    assert isinstance(error, LoadFailed)
    assert error.detail == ("E oom",)


def test_a_switch_whose_report_breaks_off_has_not_succeeded() -> None:
    with daemon(lambda h: h.sse()) as client, pytest.raises(UpstreamGone):
        list(client.switch_progress("glm"))


def test_a_stream_cut_in_the_middle_of_a_chunk_is_an_error() -> None:
    def cut(handler: Handler) -> None:
        handler.stream(b"data: {}\n", end=False)

    with daemon(cut) as client, pytest.raises(UpstreamGone):
        list(client.events())


def test_events_resume_where_they_are_asked_to() -> None:
    def from_there(handler: Handler) -> None:
        after = int(handler.headers["Last-Event-ID"])
        handler.sse({"type": "queue", "seq": after + 1, "profile": "glm", "waiting": 2})

    with daemon(from_there) as client:
        assert [event.seq for event in client.events(after=41)] == [42]


def test_a_log_comes_in_pieces_by_an_escaped_name() -> None:
    def log(handler: Handler) -> None:
        assert handler.path == "/logs/a%2Fb?lines=5&follow=1"
        handler.stream(b"one\n", b"two\n")

    with daemon(log) as client:
        assert b"".join(client.logs("a/b", 5, follow=True)) == b"one\ntwo\n"


def test_a_history_is_asked_for_by_an_escaped_name_with_or_without_a_limit() -> None:
    asked = []

    def seen(handler: Handler) -> None:
        asked.append(handler.path)
        entry = {"id": 7, "instance": "a/b.1", "profile": "a/b", "fingerprint": "f", "seconds": 2.5}
        handler.reply({"profile": "a/b", "loads": [entry]})

    with daemon(seen) as client:
        assert [load.seconds for load in client.history("a/b", 5).loads] == [2.5]
        client.history("a/b")
    assert asked == ["/history/a%2Fb?limit=5", "/history/a%2Fb"]


def test_the_doctor_is_asked_for_profiles_by_escaped_names_or_for_all() -> None:
    asked: list[str] = []

    def seen(handler: Handler) -> None:
        asked.append(handler.path)
        handler.reply({"advice": [{"code": "fit-blocked", "severity": "warning", "message": "x"}]})

    with daemon(seen) as client:
        assert [one.code for one in client.doctor(["a/b", "c d"]).advice] == ["fit-blocked"]
        client.doctor()
    assert asked == ["/doctor?model=a%2Fb&model=c+d", "/doctor"]


def test_an_openai_answer_has_reasoning_content_and_the_news_of_the_load() -> None:
    def chat(handler: Handler) -> None:
        handler.stream(
            b": loading glm 42%\n\n",
            b'data: {"choices":[{"delta":{"role":"assistant","content":null}}]}\n\n',
            b'data: {"choices":[{"delta":{"reasoning_content":"hm"}}]}\n\n',
            b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\ndata: {"choices":[]}\n\n',
            b"data: [DONE]\n\n",
        )

    with daemon(chat) as client:
        assert list(ask(client, "glm", "hello")) == [
            AnswerPiece("waiting", "loading glm 42%"),
            AnswerPiece("reasoning", "hm"),
            AnswerPiece("content", "hi"),
        ]


def test_an_anthropic_answer_is_read_as_well() -> None:
    def chat(handler: Handler) -> None:
        assert json.loads(handler.body)["max_tokens"] == 4096
        handler.stream(
            b'event: ping\ndata: {"type": "ping"}\n\n',
            b'event: content_block_delta\ndata: {"delta":{"type":"thinking_delta","thinking":"hm"}}\n\n',
            b'event: content_block_delta\ndata: {"delta":{"type":"text_delta","text":"hi"}}\n\n',
            b'event: message_stop\ndata: {"type": "message_stop"}\n\n',
        )

    with daemon(chat) as client:
        pieces = list(ask(client, "glm", "hello", api="anthropic"))
    assert [piece.text for piece in pieces] == ["", "hm", "hi"]


@pytest.mark.parametrize("api", ["openai", "anthropic"])
def test_an_error_in_mid_stream_is_raised(api: str) -> None:
    def failing(handler: Handler) -> None:
        error = {
            "type": "error",
            "error": {"type": "not_found_error", "message": "gone", "code": "model_not_found"},
        }
        handler.stream(b"event: error\ndata: " + json.dumps(error).encode() + b"\n\n")

    with daemon(failing) as client, pytest.raises(UnknownModel):
        list(ask(client, "glm", "hello", api=api))  # type: ignore[arg-type]


@pytest.mark.parametrize("url", ["ftp://x", "http://", "http://host:none"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(PaddockError):
        Client(url)
