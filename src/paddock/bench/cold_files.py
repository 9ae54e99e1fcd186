"""Empties the page cache of a model's files, so that its next load reads the disk."""

import os
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

_FILES = ("--model", "-m", "--mmproj", "-mm", "--model-draft", "-md")
_SHARD = re.compile(r"-\d{5}-of-(\d{5})\.gguf$")


def dropped(args: Sequence[str]) -> bool:
    """Drop the files that these arguments name; whether there was one and each could be dropped.

    Pages that a process has mapped stay: the model must be unloaded.
    """
    outcomes = [_drop(path) for path in files_of(args)]
    return bool(outcomes) and all(outcomes)


def files_of(args: Sequence[str]) -> Iterator[Path]:
    """The model's files, all shards, its projector and its draft model."""
    for flag, value in pairwise(args):
        if flag in _FILES:
            yield from _shards(Path(value))


def _shards(path: Path) -> Iterator[Path]:
    if not (found := _SHARD.search(path.name)):
        yield path
        return
    stem = path.name[: found.start()]
    for number in range(1, int(found[1]) + 1):
        yield path.with_name(f"{stem}-{number:05}-of-{found[1]}.gguf")


def _drop(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # the daemon runs on another machine, or as another user
        return False
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
    return True
