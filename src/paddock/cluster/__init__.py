"""A stable of many machines: one address in front of the daemons of several nodes.

It knows which nodes there are, which models each has, and which of them a request is best sent to. The daemon of
each node is the ordinary one: it alone decides what is loaded there, and answers for its engines and files.

Start at `node.py` (what a node is), then `front/` (the address that clients see), `policy/` (which home a
request is sent to: pure) and `membership/` (which nodes there are, as Ray knows it). `lending.py` is a process on a machine that lends its devices
to models on others.

It must never import `ray` in the process of the front or of a daemon: Ray lives in a process of its own
(`membership/ray_agent.py`), which the front reads by lines. Prompts never pass through Ray.

To add a reason for which a home is preferred: `policy/`. To add another way to learn of nodes: a `Membership`.
"""
