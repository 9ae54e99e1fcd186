"""The flags of one llama-server build, as its `--help` prints them.

`parse_help` turns the text into a `FlagSet`; `FlagSet.find` accepts every spelling that llama.cpp's
own preset reader accepts (long without dashes, short, `LLAMA_ARG_…`). Pure: nothing runs here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FlagSpec:
    """One option of llama-server."""

    name: str  # the canonical long spelling, with dashes: `--ctx-size`
    spellings: tuple[str, ...]  # every spelling, dashes included: `-c`, `--ctx-size`
    negation: str | None  # `--no-jinja`, where one exists
    arity: int  # how many values it takes: 0, 1 or 2
    env: str | None  # `LLAMA_ARG_CTX_SIZE`
    choices: tuple[str, ...]  # the values that the help names, if it names them all
    deprecated: bool
    help: str


@dataclass(frozen=True, slots=True)
class FlagSet:
    """All options of one build."""

    specs: tuple[FlagSpec, ...]
    index: Mapping[str, FlagSpec] = field(repr=False)  # by every key that `find` accepts
