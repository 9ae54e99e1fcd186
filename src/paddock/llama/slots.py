"""A llama-server's slots: what they hold, written to its `--slot-save-path` and read from there.

tools/server/README.md of llama.cpp, `GET /slots` and `POST /slots/{id}?action=save|restore`. A file
holds the tokens and the cells of the KV cache that they take, and nothing that names its model.
"""

import re
from dataclasses import dataclass
from http import HTTPStatus
from time import monotonic
from typing import Any, Literal

import aiohttp

from paddock import excerpt
from paddock.llama.client import BASE_URL


@dataclass(frozen=True, slots=True)
class Held:
    """What a slot holds: so many tokens, since this task."""

    tokens: int
    task: int


@dataclass(frozen=True, slots=True)
class Moved:
    """A slot that was written or read, with the seconds that it took from asking to the answer."""

    tokens: int
    size: int  # bytes
    seconds: float


@dataclass(frozen=True, slots=True)
class Chosen:
    """The slot that a new prompt goes to, and which part of its tokens the prompt begins with (0 to 1)."""

    slot: int
    kept: float


@dataclass(frozen=True, slots=True)
class Reused:
    """The tokens of its slot that a task goes on from."""

    slot: int
    tokens: int
    task: int


async def used(session: aiohttp.ClientSession) -> dict[int, Held]:
    """What each slot holds, of those that were used since the server was started.

    Empty where the server was started with `--no-slots`. aiohttp.ClientError or OSError when it is
    gone.
    """
    async with session.get(f"{BASE_URL}/slots") as reply:
        if reply.status != HTTPStatus.OK:
            return {}
        slots = await reply.json()
    return {
        slot["id"]: Held(slot.get("n_prompt_tokens", 0), slot["id_task"])
        for slot in slots
        if "id_task" in slot
    }


async def save(session: aiohttp.ClientSession, slot: int, file: str) -> Moved | None:
    """What was written, once the slot is idle; None where the server refuses."""
    return await _do(session, "save", slot, file, ("n_saved", "n_written"))


async def restore(session: aiohttp.ClientSession, slot: int, file: str) -> Moved | None:
    """What was read; None where the file does not fit this server."""
    return await _do(session, "restore", slot, file, ("n_restored", "n_read"))


async def _do(
    session: aiohttp.ClientSession,
    action: Literal["save", "restore"],
    slot: int,
    file: str,
    counted: tuple[str, str],
) -> Moved | None:
    url, began = f"{BASE_URL}/slots/{slot}", monotonic()
    async with session.post(url, params={"action": action}, json={"filename": file}) as reply:
        result: dict[str, Any] = await reply.json()
    tokens, size = (result.get(key) for key in counted)
    if reply.status != HTTPStatus.OK or not isinstance(tokens, int):
        return None
    return Moved(tokens, size if isinstance(size, int) else 0, monotonic() - began)


# As printed by build 11434. A prompt that resembles none of the slots goes to the one that was used
# longest ago; that line (`selected slot by LRU`) is about no conversation that went on.
_CHOSEN = re.compile(r"id +(\d+) \| .*selected slot by LCP similarity, .*f_keep = ([\d.]+)")
_REUSED = re.compile(r"id +(\d+) \| task (\d+) \| cached n_tokens = (\d+)")


def parse_reuse(line: str) -> Chosen | Reused | None:
    """What a log line says of a slot that a prompt goes to."""
    if "selected slot by" in line:
        found = _CHOSEN.search(line, 0, excerpt.PARSED)
        return Chosen(int(found[1]), float(found[2])) if found else None
    if "cached n_tokens" in line and (found := _REUSED.search(line, 0, excerpt.PARSED)):
        return Reused(int(found[1]), int(found[3]), int(found[2]))
    return None
