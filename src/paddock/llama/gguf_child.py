"""The program that reads headers for others: `python -m paddock.llama.gguf_child`.

Paths come on standard input, each ended by a zero byte; for each goes out a line of JSON, in order.
"""

import os
import resource
import sys
from pathlib import Path

import msgspec

from paddock.llama.gguf import Facts, Fault, GgufError, read_facts

_CPU = 60  # seconds for one file: a whole one takes a second
_MEMORY = 4 << 30  # bytes, mapped files aside: a whole one takes 40 MB


class Told(msgspec.Struct, omit_defaults=True):
    """What is said of one file: its facts, or what is wrong with it."""

    facts: Facts | None = None
    message: str = ""
    hint: str = ""
    kind: Fault = "odd"


def _tell(path: Path) -> Told:
    try:
        return Told(facts=read_facts(path))
    except GgufError as error:
        return Told(message=error.message, hint=error.hint, kind=error.kind)


def main() -> None:
    """Answer for each path as it comes, so that the last answer tells at which one a crash was."""
    encoder = msgspec.json.Encoder()
    bound(resource.RLIMIT_DATA, _MEMORY)
    for name in sys.stdin.buffer.read().split(b"\0")[:-1]:
        bound(resource.RLIMIT_CPU, _seconds_taken() + _CPU)
        sys.stdout.buffer.write(encoder.encode(_tell(Path(os.fsdecode(name)))) + b"\n")
        sys.stdout.buffer.flush()


def bound(what: int, limit: int) -> None:
    """A file may claim lists without end: then this process is ended, and nobody else."""
    _, most = resource.getrlimit(what)
    if most == resource.RLIM_INFINITY or most > limit:
        resource.setrlimit(what, (limit, most))


def _seconds_taken() -> int:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return int(used.ru_utime + used.ru_stime)


if __name__ == "__main__":
    main()
