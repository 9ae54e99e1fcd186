"""Run a command in a real terminal and keep its last screen as an SVG.

    make pictures       or: python tools/picture.py OUT.svg COMMAND [ARG...]

The terminal is tmux, since a progress bar goes back over its own lines: what it drew last is what a
person saw. Nothing is typed by hand or made up; the colours are the command's own.
"""

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

COLUMNS, ROWS = 80, 60
_SECONDS = 180  # the demo needs about 15
# Rich's own format fetches its font from elsewhere; a picture of ours asks nobody for anything.
_FORMAT = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def main(out: Path, command: list[str]) -> None:
    screen = f"$ {_as_typed(command)}\n{_screen(command)}"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(as_svg(screen, title=_as_typed(command)), encoding="utf-8")


def as_svg(screen: str, *, title: str) -> str:
    """A screen with its escape sequences, as the picture of a window."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(screen))
    return console.export_svg(title=title, code_format=_FORMAT, unique_id="paddock")


def _as_typed(command: list[str]) -> str:
    return shlex.join([Path(command[0]).name, *command[1:]])


def _screen(command: list[str]) -> str:
    """What stands on the screen when the command has ended, colours and scrolled lines included."""
    with tempfile.TemporaryDirectory(prefix="picture-") as place:
        status, done = Path(place, "status"), "tmux wait-for -S done"
        line = f"{shlex.join(command)}; echo $? > {status}; {done}; sleep {_SECONDS}"
        # A socket folder of its own: no session of the user's is seen or touched.
        env = os.environ | {"TMUX_TMPDIR": place, "TERM": "xterm-256color"}
        env.pop("TMUX", None)
        size = ("-x", str(COLUMNS), "-y", str(ROWS))
        _tmux(env, "-f", "/dev/null", "new-session", "-d", *size, line)
        try:
            _tmux(env, "wait-for", "done")
            shown = _tmux(env, "capture-pane", "-e", "-p", "-S", "-")
        finally:
            _tmux(env, "kill-server")
        if int(status.read_text()):
            sys.exit(f"the command failed; its screen was:\n{shown.rstrip()}")
    return shown.rstrip()


def _tmux(env: dict[str, str], *args: str) -> str:
    return subprocess.run(
        ["tmux", *args], env=env, check=True, capture_output=True, text=True, timeout=_SECONDS
    ).stdout


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    if shutil.which("tmux") is None:
        sys.exit("error: pictures need tmux (apt-get install tmux)")
    main(Path(sys.argv[1]), sys.argv[2:])
