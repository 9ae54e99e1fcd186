"""A models.conf of thousands of profiles, each with a file of its own, for `bench/scale.py`."""

import os
from pathlib import Path

from paddock.engine.engine import Engine
from paddock.llama import facts
from paddock.llama.scripted import ScriptedModel, write

LOUD = "loud"  # the profile whose engine fails with long lines
_SHARED = "[*]\nctx-size = 1024\nparallel = 1\nthreads = {threads}\nflash-attn = on\n"
_PROFILE = """
[{name}]
MODEL = {model}
NAME = Model number {number}
DESCRIPTION = A model for the bench, number {number}, with a sentence of words about it.
aliases = other-{name}
ctx-size = {tokens}
temp = 0.7
top-p = 0.9
"""
_LOUD = """#!/bin/sh
case "$1" in --help|--version) exec {command} "$@";; esac
line=$(head -c 60000 /dev/zero | tr '\\0' x)
for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do
    echo "error: $n $line" >&2
    echo "$line"
done
exit 7
"""


def name_of(number: int) -> str:
    return f"model-{number:04}"


def make(folder: Path, profiles: int, engine: Engine) -> None:
    """Write it, as `folder/models.conf`. What the files' headers say is known already.

    A daemon reads thousands of headers once, in the background, for minutes; that is not what is
    measured here.
    """
    folder.mkdir()
    (folder / "models").mkdir()
    base = write(folder / "base.gguf", ScriptedModel(say="Here."))
    known = facts.read(base, cache_dir=folder / "state")
    files = [_file(folder, number) for number in range(profiles)]
    for file in files:
        os.link(base, file)
    for file in files:  # later: a further link is a change of the file that all of them are
        facts._Slot.of(file, folder / "state").keep(known)
    _write_loud_engine(folder, engine)
    save(folder, profiles, threads=1)


def save(folder: Path, profiles: int, *, threads: int) -> None:
    """models.conf; other `threads` change every profile."""
    sections = [_section(folder, number) for number in range(profiles - 1)]
    loud = f"\n[{LOUD}]\nMODEL = {_file(folder, 0)}\nengine = {folder / 'loud'}\n"
    (folder / "models.conf").write_text(_SHARED.format(threads=threads) + "".join(sections) + loud)


def _section(folder: Path, number: int) -> str:
    name, model = name_of(number), _file(folder, number)
    return _PROFILE.format(name=name, model=model, number=number, tokens=1024 + number)


def _file(folder: Path, number: int) -> Path:
    return folder / "models" / f"m{number:04}.gguf"


def _write_loud_engine(folder: Path, engine: Engine) -> None:
    script = folder / "loud"
    script.write_text(_LOUD.format(command=" ".join(f"'{word}'" for word in engine.command)))
    script.chmod(0o755)
