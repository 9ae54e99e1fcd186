"""Tries an engine: real loads, real prompts, outside of any daemon. What came of it is data.

One case is one llama-server, started as the daemon starts them (same command line, environment,
plumbing), asked over its Unix socket, ended. Whatever goes wrong with it is a result, not an error.
"""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from paddock import excerpt
from paddock.api.placement import Placement
from paddock.engine.engine import Engine
from paddock.engine.temporary_server import TemporaryServer, temporary_server
from paddock.engine.trial_cases import PROMPTS, TOOL, Question, TrialCase
from paddock.llama.client import BASE_URL
from paddock.llama.follow import LineFile, last_lines
from paddock.llama.output import failure_reason
from paddock.llama.placement_log import PlacementReader

_ANSWER = 300.0  # seconds for one answer
_TOLD = 12  # lines of the log, with a failure
_FILLER = "the horses stand in the paddock and wait for their turn "
_DOCUMENTS = ("the horse stands in the paddock", "it rains on the roof", "a foal is a young horse")
_LONGEST = 48  # tokens of an answer


@dataclass(frozen=True, slots=True)
class TrialAnswer:
    """What came back for one question."""

    text: str = ""
    vector: tuple[float, ...] = ()
    prompt_tokens: int = 0
    prompt_speed: float | None = None  # tokens/s
    speed: float | None = None  # of the generation, tokens/s
    failure: str = ""  # why there is none


@dataclass(slots=True)
class CaseOutcome:
    """What came of one case."""

    case: str
    seconds: float | None = None  # until it was ready
    failure: str = ""  # of the load, or of the process in the middle of a question
    log: tuple[str, ...] = ()  # its last lines, with a failure
    placement: Placement = field(default_factory=Placement)
    answers: dict[Question, TrialAnswer] = field(default_factory=dict)

    @property
    def failures(self) -> list[str]:
        failed = [f"{question}: {a.failure}" for question, a in self.answers.items() if a.failure]
        return [self.failure, *failed] if self.failure else failed


def try_all(
    engine: Engine, cases: Sequence[TrialCase], folder: Path, tell: Callable[[str], None]
) -> list[CaseOutcome]:
    """The outcome of each case, one after the other; `tell` gets a line before each begins.

    `folder` is for sockets and logs; its path must be short enough for a socket.
    """

    async def run() -> list[CaseOutcome]:
        outcomes = []
        for number, case in enumerate(cases, 1):
            tell(f"{engine.name}: {case.name} ({number} of {len(cases)})")
            outcomes.append(await _try(engine, case, folder / f"{engine.build_mark}-{number}"))
        return outcomes

    return asyncio.run(run())


async def _try(engine: Engine, case: TrialCase, folder: Path) -> CaseOutcome:
    outcome = CaseOutcome(case.name)
    begun = time.monotonic()
    try:
        async with temporary_server(engine, case.profile, folder) as server:
            if await server.ready():
                outcome.seconds = time.monotonic() - begun
                outcome.placement = _placement(server.log)
                await _ask_all(case, server, outcome)
            await _note_end(server, outcome)
    except OSError as error:
        outcome.failure = f"cannot be started: {error.strerror}"
    return outcome


async def _ask_all(case: TrialCase, server: TemporaryServer, outcome: CaseOutcome) -> None:
    for question in case.questions:
        if not server.child.identity.is_alive():
            outcome.answers[question] = TrialAnswer(failure="it had ended already")
            continue
        try:
            async with asyncio.timeout(_ANSWER):
                outcome.answers[question] = await _ask(question, server.session)
        except TimeoutError:
            outcome.answers[question] = TrialAnswer(failure=f"no answer within {_ANSWER:.0f} s")
        except (aiohttp.ClientError, OSError) as error:
            outcome.answers[question] = TrialAnswer(failure=f"the connection broke off ({error})")
        except (KeyError, IndexError, TypeError, ValueError) as error:
            outcome.answers[question] = TrialAnswer(
                failure=f"the answer is not as it should be: {error!r}"
            )


async def _ask(question: Question, session: aiohttp.ClientSession) -> TrialAnswer:
    match question:
        case "tool call":
            return await _call_tool(session)
        case "embedding":
            return await _embed(session)
        case "reranking":
            return await _rank(session)
        case _:
            return await _chat(session, await _prompt(session, PROMPTS[question]))


async def _prompt(session: aiohttp.ClientSession, tokens: int) -> str:
    """Words that come to so many tokens of this model."""
    text = _FILLER * (tokens // 8 + 1)
    tokenized = await _post(session, "/tokenize", {"content": text})
    back = await _post(session, "/detokenize", {"tokens": tokenized["tokens"][:tokens]})
    return str(back["content"])


async def _chat(session: aiohttp.ClientSession, prompt: str, **extra: Any) -> TrialAnswer:
    reply = await _post(session, "/v1/chat/completions", _greedy(prompt) | extra)
    if "error" in reply:
        return TrialAnswer(failure=str(reply["error"].get("message", reply["error"])))
    message, timings = reply["choices"][0]["message"], reply.get("timings", {})
    text = (message.get("reasoning_content") or "") + (message.get("content") or "")
    calls = [call["function"]["name"] for call in message.get("tool_calls") or ()]
    if not text and not calls:
        return TrialAnswer(failure="the answer is empty")
    return TrialAnswer(
        text=text or f"calls {', '.join(calls)}",
        prompt_tokens=reply["usage"]["prompt_tokens"],
        prompt_speed=timings.get("prompt_per_second"),
        speed=timings.get("predicted_per_second"),
    )


def _greedy(prompt: str) -> dict[str, Any]:
    return {
        "messages": [{"role": "user", "content": prompt}],
        "temperature": 0,
        "seed": 1,
        "max_tokens": _LONGEST,
        "cache_prompt": False,
    }


async def _call_tool(session: aiohttp.ClientSession) -> TrialAnswer:
    function = {
        "name": TOOL[0],
        "description": "the time of day",
        "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}},
    }
    tools = [{"type": "function", "function": function}]
    answer = await _chat(session, "What time is it?", tools=tools)
    if answer.failure or answer.text == f"calls {TOOL[0]}":
        return answer
    return TrialAnswer(failure=f"it answered {answer.text!r} instead of calling {TOOL[0]}")


async def _embed(session: aiohttp.ClientSession) -> TrialAnswer:
    reply = await _post(session, "/v1/embeddings", {"input": _FILLER})
    if "error" in reply:
        return TrialAnswer(failure=str(reply["error"].get("message", reply["error"])))
    vector = tuple(float(x) for x in reply["data"][0]["embedding"])
    if not vector or not all(map(math.isfinite, vector)) or not any(vector):
        return TrialAnswer(failure="the embedding is empty, zero or not a number")
    return TrialAnswer(text=f"{len(vector)} dimensions", vector=vector)


async def _rank(session: aiohttp.ClientSession) -> TrialAnswer:
    body = {"query": "a horse", "documents": _DOCUMENTS}
    reply = await _post(session, "/v1/rerank", body)
    if "error" in reply:
        return TrialAnswer(failure=str(reply["error"].get("message", reply["error"])))
    scores = {row["index"]: float(row["relevance_score"]) for row in reply["results"]}
    vector = tuple(scores[index] for index in range(len(_DOCUMENTS)))
    if not all(map(math.isfinite, vector)):
        return TrialAnswer(failure="a score is not a number")
    return TrialAnswer(text=f"{len(vector)} scores", vector=vector)


async def _post(session: aiohttp.ClientSession, path: str, body: dict[str, Any]) -> Any:
    async with session.post(BASE_URL + path, json=body) as reply:
        return await reply.json(content_type=None)


def _placement(log: Path) -> Placement:
    reader = PlacementReader()
    for line in LineFile(log).read_all():
        reader.feed(line)
    return reader.placement


async def _note_end(server: TemporaryServer, outcome: CaseOutcome) -> None:
    """Note why it ended, if it was not asked to end."""
    child = server.child
    if child.identity.is_alive() and not outcome.failures:
        return
    outcome.log = excerpt.last(last_lines([server.log], _TOLD), _TOLD)
    if not child.identity.is_alive():
        code = await child.wait()
        ended = f"was killed by signal {-code}" if code and code < 0 else f"exited with code {code}"
        reason = excerpt.line(failure_reason(outcome.log))
        outcome.failure = f"{ended}: {reason}" if reason else ended
