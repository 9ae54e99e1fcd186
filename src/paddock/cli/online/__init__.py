"""What verbs ask of a running daemon beyond single calls of `paddock.api.client`.

`asking.py`: one prompt with the progress of its load. `offer.py`: what a client program is offered.
`mcp_bridge.py`: the daemon's tools for an agent, over stdin and stdout.

It prints nothing, the bridge's own messages aside, and starts no daemon.
To add one: a file for a conversation of several calls that two verbs have, or that a test has without a terminal. A single
call is a method of the client.
"""
