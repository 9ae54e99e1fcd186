"""`paddock yield`: how long it lasts, and that a command's end is the yield's, however it ends."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue

import msgspec
import pytest

from paddock.api.types import ConfigInfo, Status
from paddock.cli.times import lasted, since
from paddock.errors import BadRequest


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("30min", 1800),
        ("2h", 7200),
        ("1h30m", 5400),
        ("1.5 h", 5400),
        ("1 h 30 min", 5400),
        ("1d2h3m4s", 93784),
    ],
)
def test_a_time_is_a_number_with_its_unit(text: str, seconds: float) -> None:
    assert lasted(text, "--for") == seconds


@pytest.mark.parametrize(
    "text",
    ["", "0", "h", "-5", "2 hours", "2h later", "1e3", "0h", "30m1h", "1h1h", "1 0s", "1h 30"],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="--for"):
        lasted(text, "--for")


@pytest.mark.parametrize("text", ["7d", "90min", "2026-11-30", "2026-11-30T08:00:00Z"])
def test_since_when_is_a_time_ago_or_a_date(text: str) -> None:
    assert datetime.fromisoformat(since(text, "--since")) < datetime.now(UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "7 weeks", "2026-13-01", "99999999999d"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="--since"):
        since(text, "--since")


def test_an_hour_and_a_bare_number_is_refused_with_what_could_be_meant() -> None:
    with pytest.raises(BadRequest) as refused:
        lasted("1h30", "--for")
    assert refused.value.hint == "write 1h30min, or 1h30s"


class Models:
    """A daemon whose models take their time to leave: it answers `POST /yield` when it is let."""

    def __init__(self) -> None:
        self.asked = SimpleQueue[str]()
        self.may_answer = threading.Event()

    def answer(self, path: str) -> bytes:
        self.asked.put(path)
        if path == "/yield":
            self.may_answer.wait(60)
        config = ConfigInfo(path="", loaded_at="")
        status = Status(
            version="0", pid=1, started_at="", current=None, instances=[], queue={}, devices=[],
            config=config,
        )  # fmt: skip
        return msgspec.json.encode(status) if path == "/status" else b"{}"


@pytest.fixture
def models() -> Iterator[tuple[Models, str]]:
    daemon = Models()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = daemon.answer(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815  # the name that http.server calls

        def log_message(self, *args: object) -> None:
            """Not into the test's output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield daemon, f"http://127.0.0.1:{server.server_port}"
        daemon.may_answer.set()
        server.shutdown()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_whoever_ends_it_while_models_leave_gets_the_gpus_back(
    models: tuple[Models, str], number: signal.Signals
) -> None:
    daemon, url = models
    words = [sys.executable, "-m", "paddock", "yield", "--url", url, "--", "true"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as program:
        assert [daemon.asked.get(timeout=30) for _ in range(2)] == ["/status", "/yield"]
        program.send_signal(number)
        assert daemon.asked.get(timeout=30) == "/resume"
        assert program.wait(30) == 128 + number
        assert program.stderr
        assert program.stderr.read() == ""


def test_a_command_that_nohup_protects_stays_protected(models: tuple[Models, str]) -> None:
    daemon, url = models
    daemon.may_answer.set()
    look = "import signal, sys; sys.exit(signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN)"
    words = ["nohup", sys.executable, "-m", "paddock", "yield", "--url", url]
    done = subprocess.run(
        [*words, "--", sys.executable, "-c", look], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
