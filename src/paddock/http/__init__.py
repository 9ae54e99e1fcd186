"""The HTTP front: the gateway to the models, and the management API.

Start with `routes.py` (what there is) and follow one request: `server.py` guards it, `gateway.py`
resolves it to a `RelayedCall` (`call.py`), `exchange.py` is the block that it is served in, `relay.py`
waits for its lease, asks the instance and passes the reply to `downstream.py`, the client's side.
`refusing.py`, `accounting.py` and `interpreting.py` are what their names say.
Everything here is a reader and a customer of the daemon: nothing here starts or stops a process,
and nothing is said to a client before its lease is granted, but for signs of life.
To add an API: a `Surface` in `surfaces.py`, rows in `routes.py` or `model_routes.py`; where llama-server does not speak
it, an `Interpreter` (`interpreter.py`) as in `ollama/`. To add a management call: a row in `management_routes.py` or
`upkeep_routes.py`. `direct.py` is the way without a handler, which only the front of a stable uses.
"""
