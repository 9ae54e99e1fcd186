"""`paddock ask`: one prompt, answered as it is written."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, Annotated

import typer

from paddock.api.address import DEFAULT_URL
from paddock.cli.options import Key, Model, Url, connect
from paddock.cli.progress import Display, shown
from paddock.cli.terminal import harmless, paint

if TYPE_CHECKING:
    from paddock.api.chat import AnswerPiece
    from paddock.cli.asking import Told

EXAMPLE = 'Example: git diff | paddock ask qwen-coder "Write the commit message." -'
Prompt = Annotated[
    list[str], typer.Argument(help="The prompt; `-` stands for what comes on stdin.")
]
MaxTokens = Annotated[
    int | None, typer.Option("--max-tokens", min=1, help="End there.", show_default=False)
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
    from paddock.cli.asking import answered

    text = "\n".join(sys.stdin.read() if word == "-" else word for word in prompt)
    tell(answered(connect(url, key), model, text, max_tokens=max_tokens))


def tell(answer: Iterable[Told]) -> None:
    """Draw the load's bar, if it must load, then print the answer as it comes."""
    from paddock.api.chat import AnswerPiece
    from paddock.api.types import SwitchEnded, SwitchProgress

    printer = _Printer()
    with ExitStack() as bars:
        display: Display | None = None
        for told in answer:
            match told:
                case SwitchProgress():
                    display = display or bars.enter_context(shown(told.profile))
                    display.show(told.progress)
                case SwitchEnded():
                    bars.close()
                case AnswerPiece(kind="waiting"):
                    pass  # the bar says it already
                case AnswerPiece():
                    bars.close()
                    printer.show(told)
    printer.end()


class _Printer:
    """Reasoning dim on stderr, content on stdout, a new line between them."""

    def __init__(self) -> None:
        self._kind = ""
        self._is_open = False  # the last line has no end yet

    def show(self, piece: AnswerPiece) -> None:
        if self._kind != piece.kind:
            self.end()
        self._kind = piece.kind
        self._is_open = not piece.text.endswith("\n")
        stream = self._stream()
        text = harmless(piece.text) if stream.isatty() else piece.text
        if piece.kind == "reasoning":
            text = paint(text, "dim", stream)
        print(text, end="", file=stream, flush=True)

    def end(self) -> None:
        if self._is_open:
            print(file=self._stream(), flush=True)
        self._is_open = False

    def _stream(self) -> IO[str]:
        return sys.stderr if self._kind == "reasoning" else sys.stdout
