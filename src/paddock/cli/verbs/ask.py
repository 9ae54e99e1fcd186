"""`paddock ask`: one prompt, answered as it is written."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from paddock.api.address import DEFAULT_URL
from paddock.cli.options import Key, Model, Url, connect

EXAMPLE = 'Example: git diff | paddock ask qwen-coder "Write the commit message." -'
Prompt = Annotated[
    list[str], typer.Argument(help="The prompt; `-` stands for what comes on stdin.")
]
MaxTokens = Annotated[
    int | None,
    typer.Option(
        "--max-tokens", min=1, help="Generate at most this many tokens.", show_default=False
    ),
]


def ask(
    model: Model,
    prompt: Prompt,
    url: Url = DEFAULT_URL,
    key: Key = None,
    max_tokens: MaxTokens = None,
) -> None:
    """Ask a model one thing; it is loaded first if need be.

    The answer goes to stdout, reasoning and the load's progress to stderr.
    """
    from paddock.cli.online.asking import answered
    from paddock.cli.output.answer import print_answer

    text = "\n".join(sys.stdin.read() if word == "-" else word for word in prompt)
    print_answer(answered(connect(url, key), model, text, max_tokens=max_tokens))
