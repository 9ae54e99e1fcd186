"""Atomic writes: at a path stands the old file or the new one, never half of either."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def atomic_write(
    path: Path, content: bytes, *, prove: Callable[[Path], object] | None = None
) -> None:
    """Put `content` at `path`; a new file is its owner's alone (0600), an old one keeps its mode.

    A link stays one, and a missing folder is made. `prove` sees the new file before it takes the
    old one's place, and keeps it from that by raising. OSError where it cannot be written.
    """
    target = Path(os.path.realpath(path))
    for folder in reversed((target.parent, *target.parent.parents)):
        folder.mkdir(mode=0o700, exist_ok=True)  # `parents` would open those above to everybody
    descriptor, name = tempfile.mkstemp(
        dir=target.parent, prefix=f".{target.stem}-", suffix=target.suffix
    )
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        if prove is not None:
            prove(partial)
        if target.exists():
            partial.chmod(target.stat().st_mode & 0o777)
        partial.replace(target)
    except OSError as error:
        if error.filename is None:  # of a write; a full disk says nothing of where
            error.filename = str(path)
        raise
    finally:
        partial.unlink(missing_ok=True)
