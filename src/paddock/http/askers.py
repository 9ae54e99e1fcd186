"""Whose request it is, so that nobody is made to wait for fear of pushing out himself.

It is a guess that only fairness depends on (`core.users`), never a right. What one session asks is one
asker's, whatever it asks for. Without a session it is the program's: the same `User-Agent`, address and
key. Two such programs count as two all the same where their requests overlap.

The front of a stable of many machines says whose request it passes on: it has seen the real client.
"""

from aiohttp import hdrs, web
from multidict import istr

from paddock.core.model import UNKNOWN, Asker
from paddock.http.auth import HOLDER
from paddock.http.client_link import link_of

# Who sends what: Open WebUI (ENABLE_FORWARD_USER_INFO_HEADERS), Claude Code, Qwen Code, Codex (the
# second spelling since late 2025), opencode, LiteLLM, clients of MCP. Not `X-Conversation-Id`: in
# llama-server's web page each conversation has its own, and names the model; the person is one.
_SESSIONS = tuple(
    istr(name)  # found in a third of the time
    for name in (
        "X-OpenWebUI-User-Id",
        "X-Claude-Code-Session-Id",
        "X-Qwen-Code-Session-Id",
        "session_id",
        "session-id",
        "X-Session-Id",
        "x-session-affinity",
        "X-Litellm-Session-Id",
        "Mcp-Session-Id",
    )
)
_KEY = istr("x-api-key")
ASKER = istr("X-Paddock-Asker")  # believed with a key of the scope `node` alone
_LONGEST = 64  # letters of what it says


def asker(request: web.Request) -> Asker:
    """Whose it is, in a form that reveals nothing. Differs from process to process."""
    memo = link_of(request).memo
    if memo.asker is None:
        memo.asker = _asker(request)
    return memo.asker


def _asker(request: web.Request) -> Asker:
    get = request.headers.get
    if (said := get(ASKER)) and _speaks_for_others(request):
        return Asker(said[:_LONGEST])
    key = get(hdrs.AUTHORIZATION) or get(_KEY)
    for name in _SESSIONS:
        if session := get(name):
            return Asker(f"{hash((key, session)):x}")
    program = get(hdrs.USER_AGENT)
    if not program or not request.remote:
        return UNKNOWN
    return Asker(f"{hash((key, program, request.remote, get(hdrs.X_FORWARDED_FOR))):x}")


def _speaks_for_others(request: web.Request) -> bool:
    holder = request.get(HOLDER)
    return holder is not None and holder.speaks_for_others
