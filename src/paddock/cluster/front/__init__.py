"""The address that clients see, in front of the daemons of many nodes.

Start at `app.py` (`fronting`), then `routes.py` (every path, and how it is merged or passed on), `stable.py`
(all nodes together: who has what, what is published) and `node_link.py` (one node, followed). A request goes
through `relays.py`, `passage.py` and `relaying.py`, which asks another node where one is lost; `signs.py` says
what of a reply is an answer. Most take a shorter way (`direct.py`), and that one where anything comes up. `homes_looked_at.py` asks what a load would take there now. Agents' calls go through `tools.py`. `merge.py`, `past.py` and `names.py` are pure: many nodes' words as one stable's.

It keeps nothing but its keys: what it knows, it has read from the nodes since it began. It never decides
what is loaded on a node, and never says anything of an answer twice.

To add a path that a daemon has: its line in `routes.py`; a test fails until it is there.
"""
