"""models.conf in the user's own editor, at a line."""

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from textual.app import App, SuspendNotSupported

# Those that take no `+LINE` before the file: how each does, with `{file}` and `{line}`.
_OTHERS = {
    "code": ("--wait", "--goto", "{file}:{line}"),
    "code-insiders": ("--wait", "--goto", "{file}:{line}"),
    "codium": ("--wait", "--goto", "{file}:{line}"),
    "cursor": ("--wait", "--goto", "{file}:{line}"),
    "subl": ("--wait", "{file}:{line}"),
    "zed": ("--wait", "{file}:{line}"),
    "hx": ("{file}:{line}",),
    "helix": ("{file}:{line}",),
    "gedit": ("--wait", "+{line}", "{file}"),
    "kate": ("--block", "--line", "{line}", "{file}"),
    "ed": ("{file}",),
}
_USUAL = ("+{line}", "{file}")  # vi and its kin, nano, emacs, micro, joe, kakoune, mcedit, ne


def editor(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The user's, with its own arguments: `$VISUAL`, else `$EDITOR`, else `vi`."""
    for name in ("VISUAL", "EDITOR"):
        try:
            if words := shlex.split(environment.get(name, "")):
                return words
        except ValueError:  # a quote without its other: as it stands
            return [environment[name]]
    return ["vi"]


def command(program: Sequence[str], file: Path, line: int | None) -> list[str]:
    """The argv that opens this file at this line."""
    if line is None:
        return [*program, str(file)]
    words = _OTHERS.get(Path(program[0]).name, _USUAL)
    own = [word for word in words if word not in program]  # `--wait` may be the user's already
    return [*program, *(word.format(file=file, line=line) for word in own)]


def run_on_terminal(app: App[None], argv: Sequence[str]) -> str:
    """Lend the terminal to this program until it ends; why that did not work, empty if it did."""
    fault = ""
    try:
        with app.suspend():
            try:
                ended = subprocess.run(argv, check=False).returncode
            except (
                OSError
            ) as error:  # caught in here: `suspend` gives nothing back where its block raises
                fault = f"{argv[0]}: {error.strerror} ($EDITOR names another)"
            else:
                fault = f"{argv[0]} ended with status {ended}" if ended else ""
    except SuspendNotSupported:
        return "this terminal cannot be lent to an editor"
    app.refresh(layout=True)
    return fault
