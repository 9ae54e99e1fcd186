"""A llama-server's slots: what they hold, written to its `--slot-save-path` and read from there.

tools/server/README.md of llama.cpp, `GET /slots` and `POST /slots/{id}?action=save|restore`. A file
holds the tokens and the cells of the KV cache that they take, and nothing that names its model.
"""

from http import HTTPStatus
from typing import Any, Literal

import aiohttp

from paddock.llama.client import BASE_URL


async def tokens_held(session: aiohttp.ClientSession) -> dict[int, int]:
    """Tokens by slot, of those that were used since the server was started.

    Empty where the server was started with `--no-slots`. aiohttp.ClientError or OSError when it is
    gone.
    """
    async with session.get(f"{BASE_URL}/slots") as reply:
        if reply.status != HTTPStatus.OK:
            return {}
        slots = await reply.json()
    return {slot["id"]: slot.get("n_prompt_tokens", 0) for slot in slots if "id_task" in slot}


async def save(session: aiohttp.ClientSession, slot: int, file: str) -> int | None:
    """The tokens that were written, once the slot is idle; None where the server refuses."""
    return await _do(session, "save", slot, file, "n_saved")


async def restore(session: aiohttp.ClientSession, slot: int, file: str) -> int | None:
    """The tokens that were read; None where the file does not fit this server."""
    return await _do(session, "restore", slot, file, "n_restored")


async def _do(
    session: aiohttp.ClientSession,
    action: Literal["save", "restore"],
    slot: int,
    file: str,
    counted: str,
) -> int | None:
    url = f"{BASE_URL}/slots/{slot}"
    async with session.post(url, params={"action": action}, json={"filename": file}) as reply:
        result: dict[str, Any] = await reply.json()
    tokens = result.get(counted)
    return tokens if reply.status == HTTPStatus.OK and isinstance(tokens, int) else None
