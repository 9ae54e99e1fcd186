"""Engines that the tests hold by the reins: a real llama-server behind a gate, or one listened in on."""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.yard import engine_command, wrapper


@dataclass(frozen=True)
class Gate:
    """An engine whose start waits until the test says so."""

    engine: Path
    file: Path

    def open(self) -> None:
        self.file.touch()

    def profile(self, name: str, model: str = "gamma.gguf") -> str:
        """The section of a profile that runs on it."""
        return f"[{name}]\nmodel = {model}\nengine = {self.engine}\n"


def gate(folder: Path, *, then: str = "") -> Gate:
    """`then` (sh) runs once it is open, before the real server starts."""
    file = folder / "open"
    waits = f"until [ -e '{file}' ]; do sleep 0.02; done"
    return Gate(wrapper(folder / "gated-llama-server", f"{waits}\n{then}"), file)


def failing_gate(folder: Path) -> Gate:
    """Once open, it ends as a server does that cannot load its model."""
    return gate(folder, then="echo 'E the disk is on fire' >&2; exit 3")


@dataclass(frozen=True)
class Tap:
    """An engine of which the test sees every byte that it is sent."""

    engine: Path
    record: Path

    @property
    def heard(self) -> bytes:
        return self.record.read_bytes()


def tap(folder: Path) -> Tap:
    """A real llama-server behind `tap.py`."""
    record = folder / "heard"
    program = Path(__file__).with_name("tap.py")
    words = [sys.executable, str(program), str(record), *engine_command()]
    return Tap(wrapper(folder / "tapped-llama-server", f'exec {shlex.join(words)} "$@"'), record)
