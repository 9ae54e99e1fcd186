"""Ollama's API: its requests put into llama-server's words, and llama-server's replies into its.

Start at `generation.py` (chat, generate and embeddings, each relayed to an instance) and `lists.py` (tags, what runs,
one model in full); `pulling.py` fetches, removes and names models; `requests.py` and `responses.py` translate, `shelf.py` names models as Ollama does, `wire.py` has its
documents.

Never: relay here (`http/relay.py` does), or drop what has no counterpart without listing it.
To add an endpoint: its documents in `wire.py`, a handler in one of the first two, and a line in `http/routes.py`.

Sources: docs/api.md and api/types.go of Ollama (0.32), and the calls of its Python client.
"""
