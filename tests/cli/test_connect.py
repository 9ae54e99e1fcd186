"""`paddock run` and `paddock connect` with a real daemon, and stand-ins for the clients' programs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.yard import Process, places, process

CONF = "[alpha]\nmodel = alpha.gguf\nNAME = Alpha\n[beta]\nmodel = beta.gguf\n[vectors]\nmodel = alpha.gguf\nembeddings = on\n"
SHOW = """#!/bin/sh
[ "$1" = --version ] && { echo "show 1.2.3 (stand-in)"; exit; }
env > "$SEEN"
for word in "$@"; do echo "$word" >> "$SEEN.args"; [ -f "$word" ] && cp "$word" "$SEEN.file"; done
exit 7
"""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory, models: Path):
    paths = places(tmp_path_factory.mktemp("connect") / "home", CONF)
    paths.models_dir.symlink_to(models)
    with process(paths) as running:
        yield running


@pytest.fixture
def program(tmp_path: Path, daemon: Process):
    """Runs a verb in a home of its own; programs named like the clients are there."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("claude", "codex", "aider"):
        (programs / name).write_text(SHOW)
        (programs / name).chmod(0o755)
    env = os.environ | {
        "HOME": str(tmp_path),
        "PATH": f"{programs}:/usr/bin:/bin",
        "PADDOCK_URL": daemon.url,
        "SEEN": str(tmp_path / "seen"),
        "XDG_CONFIG_HOME": "",
        "XDG_STATE_HOME": "",
    }

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "paddock", *words]
        return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60)

    return run


def test_a_client_is_started_with_everything_set_and_nothing_stays(program, tmp_path: Path):
    done = program("run", "codex", "--model", "beta", "--", "exec", "--model-less", "a b")
    seen = (tmp_path / "seen").read_text()
    args = (tmp_path / "seen.args").read_text().splitlines()
    assert done.returncode == 7, done.stderr
    assert "Codex on beta at http" in done.stderr
    assert args[-3:] == ["exec", "--model-less", "a b"]
    assert 'model="beta"' in args
    assert "PADDOCK_API_KEY=paddock" in seen
    assert f"HOME={tmp_path}\n" in seen
    catalog = next(word for word in args if word.startswith("model_catalog_json=")).split('"')[1]
    assert not Path(catalog).exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bin", "seen", "seen.args"]


def test_a_file_that_a_client_is_shown_is_there_while_it_runs(program, tmp_path: Path):
    program("run", "aider", "-m", "alpha")
    assert 'model: "openai/alpha"' in (tmp_path / "seen.file").read_text()


def test_any_command_runs_with_the_usual_variables(program, daemon: Process):
    done = program("run", "openai", "-m", "alpha", "--", "sh", "-c", 'echo "$OPENAI_BASE_URL"')
    assert (done.returncode, done.stdout) == (0, f"{daemon.url}/v1\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "codex"), "which model?"),
        (("run", "claude-code", "-m", "vectors"), "no model 'vectors' to talk to"),
        (("run", "opencode", "-m", "alpha"), "install it: npm install -g opencode-ai"),
        (("run", "zed", "-m", "alpha"), "`paddock connect zed` connects it"),
        (("run", "openai", "-m", "alpha"), "which command?"),
        (("run", "claud", "-m", "alpha"), "did you mean claude-code?"),
        (("connect", "codex", "--undo"), "not connected"),
        (("connect", "codex", "--url", "http://127.0.0.1:9"), "no daemon"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(program, words, message: str):
    done = program(*words)
    assert done.returncode == 1
    assert message in done.stderr.replace("\n", " "), done.stderr


def test_connecting_writes_and_undoing_puts_back(program, tmp_path: Path):
    profile = tmp_path / ".codex" / "paddock.config.toml"
    shown = program("connect", "codex", "-m", "beta", "--dry-run")
    assert '+model = "beta"' in shown.stdout
    assert not profile.exists()
    done = program("connect", "codex", "-m", "beta")
    assert done.stdout.strip() == "codex --profile paddock"
    assert profile.stat().st_mode & 0o777 == 0o600
    assert "already" in program("connect", "codex", "-m", "beta").stderr
    rows = {row["name"]: row for row in json.loads(program("connect", "--json").stdout)}
    assert (rows["codex"]["version"], rows["codex"]["state"]) == ("1.2.3", "connected")
    assert rows["opencode"]["program"] == ""
    assert program("connect", "codex", "--undo").returncode == 0
    assert not profile.exists()


def test_a_file_of_the_clients_own_comes_back_byte_for_byte(program, tmp_path: Path):
    settings = tmp_path / ".config" / "zed" / "settings.json"
    settings.parent.mkdir(parents=True)
    before = b'// mine\r\n{\r\n\t"theme": "x", // dark\r\n}\r\n'
    settings.write_bytes(before)
    assert program("connect", "zed", "-m", "alpha").returncode == 0
    assert b"// dark" in settings.read_bytes()
    assert b'"api_url"' in settings.read_bytes()
    assert program("connect", "zed", "--undo").returncode == 0
    assert settings.read_bytes() == before


def test_the_usual_variables_are_lines_for_a_shell(program, daemon: Process):
    done = program("connect", "anthropic", "-m", "alpha")
    assert done.stdout.splitlines()[0] == f"export ANTHROPIC_BASE_URL={daemon.url}"
    assert all(line.startswith("export ") for line in done.stdout.splitlines())
