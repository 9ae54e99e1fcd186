"""All that Paddock knows of llama.cpp and llama-server: flags, log lines, files, processes.

Start with `process.py` (one server: spawn, recognise, end), then `output.py` (what its lines mean)
and `flags.py` (its `--help`, parsed). `fit_log.py` and `placement_log.py` parse what it logs about
memory, into what `fit.py` has names for; `gguf.py` and `facts.py` give the facts of model files; `slots.py` and `client.py` speak to a
running server, `pool.py`, `link.py` and `reply.py` carry what is relayed to it; `scripted*.py` write models for tests and the demo.
It must never know a profile, an engine's origin, or the daemon, and only `gguf_read.py`, its parts
and `scripted_file.py` may import numpy.
To add a log line: a pattern in the parser, a real line with its build number in
`tests/llama`. To add a fact of a model: a field in `gguf.Facts`, read in `gguf_read.py`, and `_FORMAT`
of `facts.py` raised.
"""
