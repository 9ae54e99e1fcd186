"""Engines: the programs that can run a profile, where they come from, and what each can do.

Start with `engines.py` (a name becomes an engine) and `launch.py` (a profile becomes a command line
and an environment). `locate.py` finds programs and `probe.py` asks them once for version and flags,
`compiled.py` finds out which GPU backends they have;
`build*.py`, `source.py` and `toolchain.py` compile one; `trial*.py` try one outside of the daemon; `defaults.py` makes one the default, or goes back;
`container_*.py` and `embedded_server.py` are programs that behave as llama-server does.
It must never decide which profile runs, and never run anything through a shell.
To add a kind of engine: a program that takes llama-server's flags and keeps to its ways (see
`container_server.py`), a way to name it in `engines.py`, and its restrictions as
`embedded_flags.py` has them.
"""
