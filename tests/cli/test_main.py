"""The command line as a whole: help, errors, exit status, and what it must not import."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from rich.markup import render

from paddock.cli.main import app
from tests.cli.conftest import Paddock

VERBS = [
    "serve",
    "start",
    "stop",
    "restart",
    "status",
    "events",
    "mcp",
    "switch",
    "ask",
    "unload",
    "cancel",
    "yield",
    "resume",
    "logs",
    "history",
    "bench",
    "list",
    "show",
    "check",
    "doctor",
    "demo",
    "version",
    *(f"engine {verb}" for verb in ("list", "show", "add", "remove", "default")),
    *(f"engine {verb}" for verb in ("build", "test", "promote", "rollback")),
    *(f"import {source}" for source in ("wrapper", "ollama", "llama-swap")),
    *(f"import {source}" for source in ("dir", "hf-cache", "lmstudio")),
]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_with_an_example(paddock: Paddock, verb: str) -> None:
    result = paddock(*verb.split(), "--help")
    assert result.status == 0
    assert f"Usage: paddock {verb}" in result.out
    assert "Example: " in result.out
    assert "paddock" in result.out.split("Example: ")[1]


def test_paddock_alone_lists_its_verbs(paddock: Paddock) -> None:
    result = paddock()
    assert result.status == 0
    assert all(f" {verb.split()[0]} " in result.out for verb in VERBS)


@pytest.mark.parametrize(
    "command",
    [
        "status",
        "events",
        "switch glm",
        "ask glm hi",
        "unload",
        "yield",
        "resume",
        "cancel",
        "logs",
        "history glm",
        "bench",
        "restart",
    ],
)
def test_without_a_daemon_each_verb_says_so_and_what_to_do(paddock: Paddock, command: str) -> None:
    result = paddock(*command.split())
    assert (result.status, result.out) == (1, "")
    assert result.err == (
        "error: no daemon answers at http://127.0.0.1:1\n"
        "hint: start one with `paddock start`, or name another with --url or PADDOCK_URL\n"
    )


def test_stopping_what_does_not_run_is_no_error(paddock: Paddock) -> None:
    result = paddock("stop")
    assert (result.status, result.err) == (0, "")
    assert "nothing to stop" in result.out


def test_the_version_is_printed_without_a_daemon(paddock: Paddock) -> None:
    found = json.loads(paddock("version", "--json").out)
    assert found["paddock"] == "0.1.0"
    assert paddock("version").out == f"paddock 0.1.0 (paddock-llm)\nengine {found['engine']}\n"


def test_version_says_that_there_is_no_engine_and_how_to_get_one(
    paddock: Paddock, tmp_path: Path
) -> None:
    settings = tmp_path / ".config" / "paddock" / "paddock.toml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text('engine = "/no/such/llama-server"\n')
    assert json.loads(paddock("version", "--json").out)["engine"] == ""
    shown = paddock("version")
    assert shown.status == 0
    assert "engine none: there is no program /no/such/llama-server" in shown.out
    assert "`paddock engine build`" in shown.out


@pytest.mark.parametrize("command", ["statsu", "switch", "status --nonsense", "logs -n -1"])
def test_a_command_line_that_is_wrong_ends_with_2(paddock: Paddock, command: str) -> None:
    assert paddock(*command.split()).status == 2


def test_an_address_that_is_none_is_an_error_and_no_traceback(paddock: Paddock) -> None:
    result = paddock("status", "--url", "ftp://here")
    assert result.status == 1
    assert "not the address of a daemon" in result.err


def in_a_process(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {"PADDOCK_URL": "http://127.0.0.1:1"} | env
    return subprocess.run(args, capture_output=True, text=True, env=environ, timeout=60)


@pytest.mark.parametrize("args", ["status", "status --help"])
def test_looking_at_the_status_imports_nothing_heavy(args: str) -> None:
    program = (
        "import sys, runpy\n"
        f"sys.argv = ['paddock', *{args!r}.split()]\n"
        "try: runpy.run_module('paddock', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)\n"
    )
    loaded = set(in_a_process(sys.executable, "-c", program).stderr.split())
    assert "paddock.cli.verbs.status" in loaded
    heavy = {
        "aiohttp",
        "textual",
        "numpy",
        "gguf",
        "uvloop",
        "asyncio",
        "pydantic",
        "paddock.daemon",
    }
    heavy |= {"rich.progress"} if "--help" in args else {"rich"}
    assert loaded & heavy == set()


def test_a_reader_that_leaves_is_no_error() -> None:
    """`paddock --help | true`: the pipe breaks while help is printed."""
    script = f"{sys.executable} -m paddock version --json | true; echo ${{PIPESTATUS[0]}}"
    result = in_a_process("bash", "-c", script)
    assert result.stderr == ""
    assert result.stdout.strip() in ("0", "1")


def test_ctrl_c_ends_with_130() -> None:
    program = (
        "import os, signal, sys\n"
        "from paddock.cli import main\n"
        "from paddock.cli.verbs import version\n"
        "sys.argv = ['paddock', 'version']\n"
        "version.connect = lambda *_: os.kill(os.getpid(), signal.SIGINT)\n"
        "main.run()\n"
    )
    assert in_a_process(sys.executable, "-c", program).returncode == 128 + signal.SIGINT


def test_ctrl_c_while_it_still_imports_is_no_traceback() -> None:
    program = (
        "import os, signal, sys\n"
        "class Interrupts:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'typer': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupts())\n"
        "sys.argv = ['paddock', 'version']\n"
        "from paddock.__main__ import main\n"
        "main()\n"
    )
    result = in_a_process(sys.executable, "-c", program)
    assert (result.returncode, result.stderr) == (128 + signal.SIGINT, "")


def test_names_are_completed_silently_when_no_daemon_answers() -> None:
    env = {
        "_PADDOCK_COMPLETE": "complete_bash",
        "COMP_WORDS": "paddock switch g",
        "COMP_CWORD": "2",
    }
    script = "import sys; sys.argv = ['paddock']; from paddock.cli.main import run; run()"
    result = in_a_process(sys.executable, "-c", script, **env)
    assert (result.stdout.strip(), result.stderr) == ("", "")


def _texts(command: Any, path: str) -> Iterator[tuple[str, str]]:
    for text in (command.help, command.epilog, *(getattr(p, "help", "") for p in command.params)):
        yield path, text or ""
    for name, below in getattr(command, "commands", {}).items():
        yield from _texts(below, f"{path} {name}")


def test_no_help_loses_its_brackets_as_if_they_were_colours():
    texts = list(_texts(typer.main.get_command(app), "paddock"))
    lost = [(path, text) for path, text in texts if render(text).plain != text.replace("\\[", "[")]
    assert len(texts) > 100
    assert not lost
