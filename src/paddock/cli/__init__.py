"""The command line: an ordinary client of the HTTP API, and the verbs that need no daemon.

Start at `main.py`, which lists the verbs; each is a file of its name in `verbs/`. What a verb prints
is in `output/`; what it finds out without a daemon in `offline/`; what it asks of a daemon beyond
`paddock.api.client` in `online/`; the daemon as a process of this machine in `background/`.

It never imports `paddock.daemon` or `paddock.http`, and only `output/dashboard.py` imports `paddock.tui`.
Results go to stdout, everything else to stderr. Nothing heavy is imported before a verb runs.

To add a verb: a file in `verbs/` with a function of its name and an EXAMPLE, a line in `main.py`, and
its section in docs/cli.md; a test fails where that is missing.
"""
