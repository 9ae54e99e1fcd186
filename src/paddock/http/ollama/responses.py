"""Translates llama-server's replies into Ollama's: server-sent events in, JSON lines out."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from paddock.api.sse import SseMessage, SseParser
from paddock.errors import PaddockError
from paddock.http.errors import engine_refusal

LINES, WHOLE = "application/x-ndjson", "application/json"
Kind = Literal["chat", "generate"]
_REASONS = {"length": "length", "limit": "length"}


class _Reply:
    """What both kinds of reply measure: when the request came, and when its wait ended."""

    def __init__(self, model: str) -> None:
        self.model = model
        self._asked = self._granted = time.monotonic()

    def granted(self) -> None:
        self._granted = time.monotonic()

    def _times(self) -> dict[str, int]:
        total, load = time.monotonic() - self._asked, self._granted - self._asked
        return {"total_duration": _nanoseconds(total), "load_duration": _nanoseconds(load)}


class GenerationReply(_Reply):
    """One reply of chat or generate, from any of llama-server's kinds of stream."""

    def __init__(self, model: str, kind: Kind, *, streams: bool) -> None:
        super().__init__(model)
        self.media = LINES if streams else WHOLE
        self._kind, self._streams = kind, streams
        self._sse = SseParser()
        self._text: dict[str, str] = {
            "content": "",
            "thinking": "",
        }  # of a reply that is not streamed
        self._calls: dict[int, dict[str, str]] = {}  # tool calls, as their pieces came
        self._logprobs: list[Any] = []
        self._reason = "stop"
        self._counts: dict[str, int] = {}

    def beat(self, text: str) -> bytes:
        """An empty piece of the answer: all that Ollama's protocol has for this."""
        return self._line({"done": False})

    def hear(self, piece: bytes) -> bytes:
        lines = [self._heard(m) for m in self._sse.feed(piece) if isinstance(m, SseMessage)]
        return b"".join(lines)

    def end(self) -> bytes:
        last = {"done": True, "done_reason": self._reason, **self._times(), **self._counts}
        if self._streams:
            calls = self._line({"done": False}, calls=True) if self._calls else b""
            return calls + self._line(last)
        if self._logprobs:
            last["logprobs"] = self._logprobs
        return self._line(last, calls=True, **self._text)

    def done(self, reason: str) -> bytes:
        """The whole answer where nothing was generated: `load`, `unload`."""
        return self._line({"done": True, "done_reason": reason, **self._times()})

    # ---- what comes ----

    def _heard(self, message: SseMessage) -> bytes:
        if message.data == "[DONE]":
            return b""
        event = msgspec.json.decode(message.data)
        if "error" in event:
            raise engine_refusal(message.data.encode())
        self._count(event)
        said = [self._piece(**piece) for piece in self._pieces(event) if any(piece.values())]
        return b"".join(said)

    def _pieces(self, event: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Of a chat's delta, a completion's text, or a native content."""
        for choice in event.get("choices") or ():
            delta = choice.get("delta") or {}
            self._note_calls(delta.get("tool_calls") or ())
            self._note_reason(choice.get("finish_reason"))
            yield {
                "content": delta.get("content") or choice.get("text") or "",
                "thinking": delta.get("reasoning_content") or "",
                "logprobs": (choice.get("logprobs") or {}).get("content"),
            }
        if "choices" not in event:
            self._note_reason(event.get("stop_type"))
            yield {"content": event.get("content") or "", "thinking": "", "logprobs": None}

    def _piece(self, *, content: str, thinking: str, logprobs: Any) -> bytes:
        if self._streams:
            more = {"logprobs": logprobs} if logprobs else {}
            return self._line({"done": False, **more}, content=content, thinking=thinking)
        self._text["content"] += content
        self._text["thinking"] += thinking
        self._logprobs += logprobs or []
        return b""

    def _note_reason(self, reason: str | None) -> None:
        if reason and reason != "none":
            self._reason = _REASONS.get(reason, "stop")

    def _note_calls(self, pieces: Any) -> None:
        for piece in pieces:
            call = self._calls.setdefault(piece.get("index", 0), {"name": "", "arguments": ""})
            function = piece.get("function") or {}
            call["name"] += function.get("name") or ""
            call["arguments"] += function.get("arguments") or ""

    def _count(self, event: dict[str, Any]) -> None:
        """The last event has the counts of tokens and the times that they took."""
        usage, timings = event.get("usage") or {}, event.get("timings") or {}
        found = {
            "prompt_eval_count": usage.get("prompt_tokens") or event.get("tokens_evaluated"),
            "prompt_eval_duration": _of_milliseconds(timings.get("prompt_ms")),
            "eval_count": usage.get("completion_tokens") or event.get("tokens_predicted"),
            "eval_duration": _of_milliseconds(timings.get("predicted_ms")),
        }
        self._counts |= {name: value for name, value in found.items() if value is not None}

    # ---- what goes out ----

    def _line(
        self, fields: dict[str, Any], *, content: str = "", thinking: str = "", calls: bool = False
    ) -> bytes:
        message = self._message(content, thinking, calls=calls)
        line = {"model": self.model, "created_at": _now(), **message, **fields}
        return msgspec.json.encode(line) + b"\n"

    def _message(self, content: str, thinking: str, *, calls: bool) -> dict[str, Any]:
        more: dict[str, Any] = {"thinking": thinking} if thinking else {}
        if self._kind == "generate":
            return {"response": content, **more}
        if calls and self._calls:
            more["tool_calls"] = [_call(call) for _, call in sorted(self._calls.items())]
        return {"message": {"role": "assistant", "content": content, **more}}


class EmbeddingReply(_Reply):
    """The reply of /v1/embeddings for /api/embed, or for the older /api/embeddings."""

    media = WHOLE

    def __init__(self, model: str, *, is_older: bool) -> None:
        super().__init__(model)
        self._is_older, self._reply = is_older, bytearray()

    def beat(self, text: str) -> bytes:
        return b" "

    def hear(self, piece: bytes) -> bytes:
        self._reply += piece
        return b""

    def end(self) -> bytes:
        try:
            reply = msgspec.json.decode(self._reply)
            vectors = [row["embedding"] for row in sorted(reply["data"], key=lambda r: r["index"])]
        except (msgspec.DecodeError, KeyError, TypeError) as error:
            raise PaddockError(f"llama-server gave no embeddings: {error}") from error
        if self._is_older:
            return msgspec.json.encode({"embedding": vectors[0] if vectors else []})
        count = (reply.get("usage") or {}).get("prompt_tokens", 0)
        body = {"model": self.model, "embeddings": vectors, "prompt_eval_count": count}
        return msgspec.json.encode(body | self._times())


def _call(call: dict[str, str]) -> dict[str, Any]:
    """Arguments that are no JSON are passed on as they came, as `unreadable`."""
    try:
        arguments = msgspec.json.decode(call["arguments"] or "{}")
    except msgspec.DecodeError:
        arguments = {"unreadable": call["arguments"]}
    return {"function": {"name": call["name"], "arguments": arguments}}


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)


def _of_milliseconds(value: float | None) -> int | None:
    return None if value is None else int(value * 1e6)
