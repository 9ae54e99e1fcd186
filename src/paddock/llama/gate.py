"""Holds a process where it opens its model: until the gate opens, the model's name is that of a pipe.

Whoever opens a pipe that nobody writes to waits in the kernel (fifo(7)). So it makes no difference how
fast the process is, how late we come, or whether we still live: without the file it knows no tensor,
and can take no memory for one. To let it go on, the name is given to the file, and the process is
stopped and continued for a moment: an open that this interrupts is begun anew by the kernel, with the
name as it is by then (signal(7), "Interruption of system calls": restarted, as there is no handler).
"""

import os
from collections.abc import Sequence
from pathlib import Path

from paddock.llama.gguf import shards
from paddock.llama.process import Child

_MODEL_FLAGS = frozenset({"--model", "--mmproj"})  # their files need no ending
_ENDING = ".gguf"


class Gate:
    """Of one process, before every file that may hold weights."""

    def __init__(self, folder: Path) -> None:
        """`folder`: where the names are; it stays for as long as the process, which may open them again."""
        self._folder = folder
        self._files: dict[Path, Path] = {}  # by their names here

    def close(self, argv: Sequence[str]) -> list[str]:
        """The same command line by way of the gate. Raises OSError."""
        before = ("", *argv)
        return [
            self._name_for(Path(word)) if _holds_weights(flag, word) else word
            for flag, word in zip(before, argv, strict=False)
        ]

    @property
    def holds_anything(self) -> bool:
        return bool(self._files)

    async def open(self, child: Child) -> bool:
        """Let it go on; False where that is not certain, so that it should be ended."""
        for name, file in self._files.items():
            _lead(name, file)
        return await child.begin_calls_anew()

    def _name_for(self, file: Path) -> str:
        folder = self._folder / str(len(self._files))  # two files may be called the same
        folder.mkdir(mode=0o700, parents=True)
        for shard in shards(file):  # the first one leads to the others
            if shard != file:
                (folder / shard.name).symlink_to(shard)
        name = folder / file.name
        os.mkfifo(name, 0o600)
        self._files[name] = file
        return str(name)


def _holds_weights(flag: str, word: str) -> bool:
    if flag not in _MODEL_FLAGS and not word.endswith(_ENDING):
        return False
    return word.startswith("/") and Path(word).is_file()


def _lead(name: Path, file: Path) -> None:
    """The name is the file's from now on; whoever asks for it gets the pipe or the file, nothing else."""
    link = name.with_name(f"{name.name}.link")
    link.symlink_to(file)
    link.replace(name)
