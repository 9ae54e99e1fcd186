"""The programs that people point at Paddock, and how each is configured. Pure but for `writing`.

Start with `setting.py` (what can be set for a client) and `known.py` (all clients, by name).
A client is configured by environment variables, by arguments, by a file of ours that it is given, or
by an entry of ours in a file of its own (`jsonc.py` keeps that file's comments and layout).
`offer.py` says which address, key and models a client gets; `writing.py` writes files and restores
them. It must never write where `writing.py` cannot undo it, and never send anything.
To add a client: a `ClientProgram` in `agents.py`, `editors.py` or `others.py`, a row in
docs/clients.md with the source of each setting, and a test that runs the real program where it can
be installed (`tests/agents`).
"""
