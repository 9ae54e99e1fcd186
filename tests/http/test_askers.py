"""Who asks: one session is one, whatever it asks for; programs are distinguished by what is known of them."""

from pathlib import Path
from typing import Any

import pytest

from paddock.config.keys import NamedKey, digest_of
from paddock.core.model import UNKNOWN, Asker
from tests.http.conftest import Open, Yard

ASK = {"model": "a", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 3}
TERMINAL = {"User-Agent": "terminal/1"}


@pytest.fixture
async def yard(open_yard: Open, talker: Path) -> Yard:
    opened: Yard = await open_yard({"a": talker})
    return opened


async def asked(yard: Yard, headers: dict[str, str], path: str = "/v1/chat/completions") -> Asker:
    """Whom the daemon takes it for."""
    async with yard.http.post(yard.base + path, json=ASK, headers=headers) as reply:
        await reply.read()
    return yard.stable.askers[-1]


@pytest.mark.parametrize(
    "session",
    [
        "X-OpenWebUI-User-Id",
        "X-Claude-Code-Session-Id",
        "X-Qwen-Code-Session-Id",
        "session_id",
        "session-id",
        "X-Session-Id",
        "x-session-affinity",
        "X-Litellm-Session-Id",
        "Mcp-Session-Id",
    ],
)
async def test_sessions_of_one_program_are_distinguished(yard, session):
    first = await asked(yard, TERMINAL | {session: "one"})
    assert first == await asked(yard, TERMINAL | {session: "one"}, "/v1/messages")
    assert first == await asked(yard, {"User-Agent": "its/side-job", session: "one"})
    assert first != await asked(yard, TERMINAL | {session: "two"})


async def test_a_session_of_somebody_elses_key_is_another(yard):
    mine = {"Authorization": "Bearer mine", "session_id": "one"}
    assert await asked(yard, mine) != await asked(yard, mine | {"Authorization": "Bearer yours"})


async def test_without_a_session_it_is_the_program_at_its_address_with_its_key(yard):
    one = await asked(yard, TERMINAL)
    assert one == await asked(yard, TERMINAL | {"X-Conversation-Id": "7::a"})
    assert one != await asked(yard, {"User-Agent": "browser/2"})
    assert one != await asked(yard, TERMINAL | {"x-api-key": "k"})
    assert one != await asked(yard, TERMINAL | {"X-Forwarded-For": "10.0.0.7"})


async def test_who_says_nothing_is_unknown(yard):
    assert await asked(yard, {"User-Agent": ""}) == UNKNOWN


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/upstream/a/v1/chat/completions", ASK),
        ("/api/chat", ASK),
        ("/api/generate", {"model": "a"}),
        ("/slots/0?model=a&action=erase", {}),
        (
            "/mcp",
            {
                "jsonrpc": "2.0",
                "id": 1,
                "method": "tools/call",
                "params": {"name": "ask_model", "arguments": {"model": "a", "prompt": "Hello"}},
            },
        ),
    ],
)
async def test_every_way_to_a_model_says_who_asks(yard, path, body: dict[str, Any]):
    headers = TERMINAL | {"session_id": "one"}
    expected = await asked(yard, headers)
    async with yard.http.post(yard.base + path, json=body, headers=headers) as reply:
        await reply.read()
    assert yard.stable.askers[1:] == [expected]


async def test_it_says_nothing_of_keys_and_sessions(yard):
    found = await asked(yard, TERMINAL | {"Authorization": "Bearer secret", "session_id": "s3ss"})
    assert "secret" not in found
    assert "s3ss" not in found


@pytest.mark.parametrize(
    ("scope", "is_believed"), [("node", True), ("manage", False), ("ask", False)]
)
async def test_whose_it_is_is_believed_of_the_front_of_many_machines_alone(
    open_yard: Open, talker: Path, scope: Any, is_believed: bool
) -> None:
    key = NamedKey(name="front", digest=digest_of("own"), scope=scope)
    yard = await open_yard({"a": talker}, keys=(key,))
    headers = TERMINAL | {"Authorization": "Bearer own", "X-Paddock-Asker": "somebody"}
    assert (await asked(yard, headers) == Asker("somebody")) is is_believed
