"""Real clients, configured by `paddock run`'s own settings, while the model loads longer than they wait.

Each client's patience is cut to 5 s (a line in `IMPATIENT` says how); the load takes 12.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from paddock.api.client import Client
from paddock.clients.known import client_named
from paddock.clients.offer import offered
from paddock.clients.setting import ClientSettings, OwnFile
from paddock.clients.writing import put_aside
from tests.agents.conftest import ASKED, SAYS, program, run_configured
from tests.yard import Process

pytestmark = [pytest.mark.clients, pytest.mark.timeout(420)]


def _claude_code(setting: ClientSettings) -> ClientSettings:
    """To the first byte, and between bytes."""
    hasty = {"API_TIMEOUT_MS": "5000", "CLAUDE_STREAM_IDLE_TIMEOUT_MS": "5000"}
    return replace(setting, env={**setting.env, **hasty, "CLAUDE_CODE_MAX_RETRIES": "0"})


def _codex(setting: ClientSettings) -> ClientSettings:
    idle = "model_providers.paddock.stream_idle_timeout_ms=5000"
    retries = [f"model_providers.paddock.{kind}_max_retries=0" for kind in ("stream", "request")]
    return replace(setting, args=(*setting.args, *(w for x in (idle, *retries) for w in ("-c", x))))


def _opencode(setting: ClientSettings) -> ClientSettings:
    name = "OPENCODE_CONFIG_CONTENT"
    config = setting.env[name].replace('Timeout": false', 'Timeout": 5000')
    assert config != setting.env[name]
    return replace(setting, env={**setting.env, name: config})


def _aider(setting: ClientSettings) -> ClientSettings:
    return replace(setting, args=(*setting.args, "--timeout", "5"))


def _continue(setting: ClientSettings) -> ClientSettings:
    [file] = setting.files
    text = file.text.replace('"timeout": 1800000', '"timeout": 5000')
    assert text != file.text
    return replace(setting, files=(OwnFile(file.path, text),))


def _qwen(setting: ClientSettings) -> ClientSettings:
    [file] = setting.files
    text = file.text.replace("1800000", "5000")
    assert text != file.text
    env = {**setting.env, "QWEN_CODE_API_TIMEOUT_MS": "5000"}
    return replace(setting, env=env, files=(OwnFile(file.path, text),))


IMPATIENT: dict[str, Callable[[ClientSettings], ClientSettings]] = {
    "claude-code": _claude_code,
    "codex": _codex,
    "opencode": _opencode,
    "aider": _aider,
    "continue": _continue,
    "qwen-code": _qwen,
}


@pytest.mark.parametrize("name", ASKED)
def test_a_client_gets_its_answer_after_a_load_longer_than_its_patience(
    name: str, slow: Process, tmp_path: Path
):
    client = client_named(name)
    words = [program(client.program), *ASKED[name]]
    daemon = Client(slow.url)
    offer = offered(daemon.cards(), url=slow.url, key=None, wanted="scout", current=None)
    assert client.run is not None
    setting = IMPATIENT[name](client.run(offer, tmp_path / "settings"))
    for _ in put_aside(setting):
        pass
    done = run_configured(words, setting, tmp_path)
    assert SAYS in done.stdout, (done.stdout[-2000:], done.stderr[-2000:])
    [instance] = daemon.status().instances
    assert instance.id == "scout.1"  # one load, whatever the client did meanwhile
