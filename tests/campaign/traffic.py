"""The clients of a campaign: every API, streamed or not, patient or not. Each request has an end that is noted."""

import asyncio
import json
import random
from collections import Counter
from typing import Any

import aiohttp

from tests.campaign.ground import Ground

_PATIENCE = 150.0  # seconds; whoever waits longer waits for ever
_TEXT = [{"role": "user", "content": "hi"}]
# A conversation that is long enough for its context to be kept, and goes on.
_LONG = [
    {"role": "user", "content": "The horses stand in the paddock and wait for their turn. " * 20},
    {"role": "assistant", "content": "Yes."},
]
_SHAPES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": _TEXT},
    "/v1/completions": {"prompt": "hi"},
    "/v1/messages": {"messages": _TEXT, "max_tokens": 50},
    "/v1/responses": {"input": "hi"},
    "/api/chat": {"messages": _TEXT},
}


class Traffic:
    """Some clients that ask until they are stopped."""

    def __init__(self, ground: Ground, rng: random.Random, *, clients: int) -> None:
        self._ground, self._rng, self._count = ground, rng, clients
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_over = False
        self.ends: Counter[str] = Counter()
        self.violations: list[str] = []

    def start(self) -> None:
        self._is_over = False
        for _ in range(self._count):
            task = asyncio.create_task(self._ask_on(random.Random(self._rng.random())))
            self._tasks.add(task)

    async def stop(self) -> None:
        """Return when every request has had its end."""
        self._is_over = True
        for task in self._tasks:
            await task
        self._tasks.clear()

    async def _ask_on(self, rng: random.Random) -> None:
        async with aiohttp.ClientSession() as http:
            while not self._is_over:
                await self._ask(http, rng)
                await asyncio.sleep(rng.uniform(0, 0.1))

    async def _ask(self, http: aiohttp.ClientSession, rng: random.Random) -> None:
        path, body = rng.choice(list(_SHAPES.items()))
        says = self._ground.says
        model = rng.choice([*says, *says, "endless", "flood"])
        streams = rng.random() < 0.6
        if "messages" in body and model != "endless" and rng.random() < 0.3:
            body = {**body, "messages": [*_LONG, {"role": "user", "content": f"{rng.random()}"}]}
        body = {**body, "model": model, "stream": streams, "max_tokens": rng.choice([8, 60])}
        begun, said = self._ground.generation, f"{path} {model}{' streamed' if streams else ''}"
        try:
            async with asyncio.timeout(_PATIENCE):
                self.ends[await self._one(http, path, body, rng, said)] += 1
        except TimeoutError:
            self.violations.append(f"no end within {_PATIENCE:.0f} s: {said}")
        except (aiohttp.ClientError, ConnectionError, OSError) as error:
            await self._cut(
                error,
                said,
                was_killed=self._ground.generation != begun or not self._ground.is_listening,
            )

    async def _cut(self, error: Exception, said: str, *, was_killed: bool) -> None:
        """A connection that broke: right where its daemon was killed, or a reply that was not streamed was."""
        if was_killed:
            self.ends["cut by the daemon's end"] += 1
            await asyncio.sleep(0.3)
        elif isinstance(error, aiohttp.ClientPayloadError):
            self.ends["cut in mid-reply"] += 1
        else:
            self.violations.append(f"the connection broke without a cause: {said}: {error!r}")

    async def _one(
        self,
        http: aiohttp.ClientSession,
        path: str,
        body: dict[str, Any],
        rng: random.Random,
        said: str,
    ) -> str:
        async with http.post(self._ground.url + path, json=body) as reply:
            if rng.random() < 0.15:
                return "hung up"  # leaving the block closes the connection
            data = await reply.read()
        if body["stream"] and reply.status == 200:
            return self._streamed(path, data, said)
        return self._whole(reply.status, data, body["model"], said)

    def _whole(self, status: int, data: bytes, model: str, said: str) -> str:
        try:
            parsed = json.loads(data)
        except ValueError:
            self.violations.append(f"{status} without JSON: {said}: {data[:200]!r}")
            return "no JSON"
        if status == 200 and not (isinstance(parsed, dict) and parsed.get("error")):
            sentence, answer = self._ground.says.get(model), _answer(parsed)
            if sentence and answer is not None and not sentence.startswith(answer):
                self.violations.append(f"another answer: {said}: {answer!r}")
            return "answered"
        if not _cause(parsed):
            self.violations.append(f"{status} without a cause: {said}: {data[:200]!r}")
        return f"refused {status}"

    def _streamed(self, path: str, data: bytes, said: str) -> str:
        if b'"error"' in data or b"response.failed" in data:
            return "stream ended by an error"
        ends = {
            "/v1/messages": b"message_stop",
            "/v1/responses": b"response.completed",
            "/api/chat": b'"done":true',
        }
        last = ends.get(path, b"[DONE]")
        if last in data.replace(b'"done": true', b'"done":true') or b"response.incomplete" in data:
            return "answered"
        self.violations.append(f"a stream without its end: {said}: {data[-200:]!r}")
        return "no end"


def _answer(parsed: dict[str, Any]) -> str | None:
    """What a model said to a chat, in the shapes of OpenAI, Anthropic and Ollama."""
    choices = parsed.get("choices") or [{}]
    message = choices[0].get("message") or parsed.get("message")
    if isinstance(message, dict):
        return str(message.get("content") or "")
    content = parsed.get("content")
    return "".join(part.get("text", "") for part in content) if isinstance(content, list) else None


def _cause(parsed: Any) -> str:
    """The words of an error, in whichever API's shape."""
    error = parsed.get("error") if isinstance(parsed, dict) else None
    return str(error.get("message", "")) if isinstance(error, dict) else str(error or "")
