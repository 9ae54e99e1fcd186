"""The contract between the daemon and everything that looks at it or commands it.

Start with `types.py` and `events.py` (the wire types), then `client.py` (the API as a Python object).
`activity.py`, `bench.py`, `contexts.py`, `editing.py`, `models.py`, `nodes.py`, `placement.py`, `profiles.py`, `switches.py` and `yielding.py`
hold further wire types; `connection.py` and `sse.py` are the transport, on the standard library alone,
as a command must start fast; `mcp.py` and `mcp_tools.py` describe the tools that agents get.
It must never import the daemon or the HTTP server, and a field once published keeps its meaning.
To add an event: a tagged `Event` in `events.py` and in the union `AnyEvent` there; the daemon's
publisher fills it, the dashboard's reducer reads it, docs/api.md lists it.
"""
