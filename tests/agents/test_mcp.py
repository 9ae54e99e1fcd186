"""Real agents ask another local model through Paddock's MCP server, registered as docs/mcp.md says."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from paddock.api.client import Client
from paddock.clients.known import client_named
from paddock.clients.offer import offered
from paddock.clients.setting import ClientSettings
from paddock.clients.writing import put_aside
from paddock.llama.scripted import ScriptedModel, write
from tests.agents.conftest import MODEL, program, run_configured
from tests.yard import Process, places, process

pytestmark = [pytest.mark.clients, pytest.mark.timeout(420)]

CONF = """[*]
threads = 2
parallel = 1
[agent]
model = agent.gguf
ctx-size = 262144
[scout]
model = scout.gguf
ctx-size = 4096
"""
LOOKED = "I have asked."
BRIDGE = (sys.executable, "-m", "paddock", "mcp")


@dataclass(frozen=True)
class Way:
    """How one client learns of the server, what it calls our tool, and how it is asked."""

    tool: str
    args: tuple[str, ...]
    configured: Callable[[ClientSettings, str], ClientSettings]


def _claude_code(setting: ClientSettings, url: str) -> ClientSettings:
    server = {"type": "http", "url": f"{url}/mcp"}
    config = json.dumps({"mcpServers": {"paddock": server}})
    return replace(setting, args=(*setting.args, "--mcp-config", config, "--strict-mcp-config"))


def _codex(setting: ClientSettings, url: str) -> ClientSettings:
    server = {
        "command": json.dumps(BRIDGE[0]),
        "args": json.dumps(BRIDGE[1:]),
        "env.PADDOCK_URL": json.dumps(url),
        "tool_timeout_sec": "600",
    }
    words = [w for k, v in server.items() for w in ("-c", f"mcp_servers.paddock.{k}={v}")]
    return replace(setting, args=(*setting.args, *words))


def _opencode(setting: ClientSettings, url: str) -> ClientSettings:
    name = "OPENCODE_CONFIG_CONTENT"
    server = {"type": "local", "command": [*BRIDGE], "enabled": True}
    server["environment"] = {"PADDOCK_URL": url}
    config = json.loads(setting.env[name]) | {"mcp": {"paddock": server}}
    return replace(setting, env={**setting.env, name: json.dumps(config)})


WAYS = {
    "claude-code": Way(
        "mcp__paddock__ask_model",
        ("-p", "ask", "--allowedTools", "mcp__paddock__ask_model"),
        _claude_code,
    ),
    "codex": Way(
        "mcp__paddock__ask_model",
        ("exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "ask"),
        _codex,
    ),
    "opencode": Way("paddock_ask_model", ("run", "ask"), _opencode),
}


@contextmanager
def _daemon(folder: Path, tool: str) -> Iterator[Process]:
    """Whose `agent` calls this tool, for a word of `scout`, and then says that it has."""
    paths = places(folder, "")
    paths.config.write_text(CONF)
    paths.models_dir.mkdir()
    call = (tool, json.dumps({"model": "scout", "prompt": "What colour?"}))
    write(paths.models_dir / "agent.gguf", replace(MODEL, say=LOOKED, tool=call))
    write(paths.models_dir / "scout.gguf", ScriptedModel(say="Green."))
    with process(paths) as running:
        yield running


@pytest.mark.parametrize("name", WAYS)
def test_an_agent_asks_another_model(name: str, tmp_path: Path):
    client, way = client_named(name), WAYS[name]
    words = [program(client.program), *way.args]
    assert client.run is not None
    with _daemon(tmp_path / "daemon", way.tool) as running:
        daemon = Client(running.url)
        offer = offered(daemon.cards(), url=running.url, key=None, wanted="agent", current=None)
        setting = way.configured(client.run(offer, tmp_path / "configured"), running.url)
        for _ in put_aside(setting):
            pass
        done = run_configured(words, setting, tmp_path)
        assert LOOKED in done.stdout, (done.stdout[-2000:], done.stderr[-2000:])
        assert [load.outcome for load in daemon.history("scout").loads] == ["ready"]
