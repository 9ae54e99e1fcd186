"""The clients that people use, pointed at a yard.

As `Any`: like most scripts, the tests hand them plain dicts, also such as their types forbid.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import anthropic
import ollama
import openai

from tests.yard import Yard


def openai_of(yard: Yard, *, key: str = "-", max_retries: int = 0, **options: Any) -> Any:
    """As its users make it, but without retries, so that every refusal is seen."""
    url = yard.url + "/v1"
    return openai.AsyncOpenAI(base_url=url, api_key=key, max_retries=max_retries, **options)


def anthropic_of(yard: Yard, *, key: str = "-", max_retries: int = 0, **options: Any) -> Any:
    """As `openai_of`."""
    url = yard.url
    return anthropic.AsyncAnthropic(base_url=url, api_key=key, max_retries=max_retries, **options)


@asynccontextmanager
async def ollamas() -> AsyncIterator[Callable[..., Any]]:
    """Makes clients as their users do, and closes them all at the end, as their users rarely do."""
    async with AsyncExitStack() as stack:

        def ollama_of(url: str, *, key: str = "", **options: Any) -> Any:
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            client = ollama.AsyncClient(host=url, headers=headers, **options)
            stack.push_async_callback(client.close)
            return client

        yield ollama_of
