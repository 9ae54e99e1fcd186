"""An answer as it is written: the load's bar before it, reasoning on stderr, content on stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING

from paddock.cli.output.progress import Display, shown
from paddock.cli.output.terminal import harmless, paint

if TYPE_CHECKING:
    from paddock.api.chat import AnswerPiece
    from paddock.cli.online.asking import Arrival


def print_answer(answer: Iterable[Arrival]) -> None:
    """Draw the load's bar, if it must load, then print the answer as it comes."""
    from paddock.api.chat import AnswerPiece
    from paddock.api.events import SwitchEnded, SwitchProgress

    printer = _Printer()
    with ExitStack() as bars:
        display: Display | None = None
        for arrival in answer:
            match arrival:
                case SwitchProgress():
                    display = display or bars.enter_context(shown(arrival.profile))
                    display.show(arrival.progress)
                case SwitchEnded():
                    bars.close()
                case AnswerPiece(kind="waiting"):
                    pass  # the bar says it already
                case AnswerPiece():
                    bars.close()
                    printer.show(arrival)
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
