"""The clients that people use, pointed at a yard.

As `Any`: like most scripts, the tests hand them plain dicts, also such as their types forbid.
"""

from typing import Any

import anthropic
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
