"""The program that reads headers for other processes: `python -m paddock.llama.gguf_child`.

Standard input has the paths, each ended by a zero byte; standard output gets a line of JSON for each,
in the same order.
"""

import os
import resource
import sys
from pathlib import Path

import msgspec

from paddock.llama.gguf import GgufError, HeaderAnswer
from paddock.llama.gguf_read import read_facts

_CPU = 60  # seconds for one file: a whole one takes a second
_MEMORY = 4 << 30  # bytes, mapped files aside: a whole one takes 40 MB


def _answer(path: Path) -> HeaderAnswer:
    try:
        return HeaderAnswer(facts=read_facts(path))
    except GgufError as error:
        return HeaderAnswer(message=error.message, hint=error.hint, kind=error.kind)


def main() -> None:
    """Answer path by path: after a crash, the number of answers shows which file it was."""
    encoder = msgspec.json.Encoder()
    bound(resource.RLIMIT_DATA, _MEMORY)
    for name in sys.stdin.buffer.read().split(b"\0")[:-1]:
        bound(resource.RLIMIT_CPU, _seconds_taken() + _CPU)
        sys.stdout.buffer.write(encoder.encode(_answer(Path(os.fsdecode(name)))) + b"\n")
        sys.stdout.buffer.flush()


def bound(what: int, limit: int) -> None:
    """Lower a limit of this process alone: a file may claim endless lists."""
    _, most = resource.getrlimit(what)
    if most == resource.RLIM_INFINITY or most > limit:
        resource.setrlimit(what, (limit, most))


def _seconds_taken() -> int:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return int(used.ru_utime + used.ru_stime)


if __name__ == "__main__":
    main()
