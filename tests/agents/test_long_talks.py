"""Conversations that outgrow the context: the real clients sum up in time, and go on.

They talk to a server of the test's own, as tens of thousands of tokens take a real one minutes here: it
counts a token for four bytes of a request, and refuses in llama-server's words what is longer than the context.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paddock.clients.known import client_named
from paddock.clients.offer import Offer
from paddock.clients.writing import put_aside
from tests.agents.conftest import program, run_client
from tests.clients.offers import OFFER, SCOUT

pytestmark = [pytest.mark.clients, pytest.mark.timeout(420)]

CONTEXT = 65_536
LONG = "word " * 5_000  # a message of 6,250 tokens, as the server counts
TURNS = 12  # too many for the context, whatever else a client sends
SUMMARY = "<summary>There were words.</summary>"


@dataclass
class Counted:
    """What came to the server: the tokens of each request, and how many were refused or asked for a summary."""

    tokens: list[int] = field(default_factory=list)
    refused: int = 0
    summaries: int = 0

    def reply(self, path: str, content: bytes) -> tuple[int, Any]:
        """The status and, in its API's events, the answer."""
        tokens, asked = len(content) // 4, json.loads(content)
        last = json.dumps((asked.get("messages") or asked.get("input") or [""])[-1])
        self.tokens.append(tokens)
        if tokens >= CONTEXT:
            self.refused += 1
            message = (
                f"request ({tokens} tokens) exceeds the available context size ({CONTEXT} tokens)"
            )
            return 400, {
                "error": {"code": 400, "message": message, "type": "exceed_context_size_error"}
            }
        is_summary = "summary" in last.lower()
        self.summaries += is_summary
        said = SUMMARY if is_summary else "Yes."
        return 200, (_message if "messages" in path else _response)(said, tokens)


def _message(said: str, tokens: int) -> list[dict[str, Any]]:
    usage = {"input_tokens": tokens, "output_tokens": 9}
    message = {"id": "m", "type": "message", "role": "assistant", "model": "scout", "content": []}
    return [
        {"type": "message_start", "message": {**message, "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": said}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"output_tokens": 9},
        },
        {"type": "message_stop"},
    ]


def _response(said: str, tokens: int) -> list[dict[str, Any]]:
    content = [{"type": "output_text", "text": said, "annotations": []}]
    item = {"type": "message", "id": "i", "role": "assistant", "content": content}
    usage = {"input_tokens": tokens, "output_tokens": 9, "total_tokens": tokens + 9}
    response = {"id": "r", "status": "completed", "output": [item], "usage": usage}
    return [
        {"type": "response.created", "response": {"id": "r"}},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": response},
    ]


@contextmanager
def _server(counted: Counted) -> Iterator[str]:
    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["content-length"]))
            status, reply = counted.reply(self.path, content)
            events = reply if isinstance(reply, list) else []
            lines = [f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events]
            self._send(status, "text/event-stream", "".join(lines) or json.dumps(reply))

        def do_GET(self) -> None:
            self._send(200, "application/json", json.dumps({"data": [{"id": "scout"}]}))

        def _send(self, status: int, kind: str, text: str) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def _offer(url: str, model: str) -> Offer:
    main = msgspec.structs.replace(SCOUT, id=model, context=CONTEXT)
    return replace(OFFER, url=url, cards=(main,), main=main)


AGAIN = {
    "claude-code": (["-p"], ["-p", "--continue"]),
    "codex": (
        ["exec", "--skip-git-repo-check", "-"],
        ["exec", "--skip-git-repo-check", "resume", "--last", "-"],
    ),
}


@pytest.mark.parametrize(
    ("name", "model"),
    [("claude-code", "scout"), ("claude-code", "anthropic-scout"), ("codex", "scout")],
)
def test_with_a_server_of_ours_that_counts_bytes_it_sums_up_and_goes_on(
    name: str, model: str, tmp_path: Path
):
    client, counted = client_named(name), Counted()
    assert client.run is not None
    with _server(counted) as url:
        setting = client.run(_offer(url, model), tmp_path / "settings")
        for _ in put_aside(setting):
            pass
        first, again = AGAIN[name]
        begun = [program(client.program), *setting.args]
        run_client([*begun, *first], setting.env, tmp_path, said="hi")
        talk = [
            run_client([*begun, *again], setting.env, tmp_path, said=LONG).stdout
            for _ in range(TURNS)
        ]
    # Claude Code refuses a message now and then, without asking, and sums up at the next one.
    assert any("Yes." in said for said in talk[-3:]), talk[-3:]
    assert counted.summaries
    assert not counted.refused
