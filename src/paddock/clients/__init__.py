"""The programs that people point at Paddock, and what each must be told. Pure but for `writing`.

A client is told by its environment, by arguments, by a file of ours that it is shown, or, where
it knows no such thing, by an entry of ours in a file of its own. Sources: each client's own
documentation and, for those that run here, the client itself: see docs/clients.md.
"""
