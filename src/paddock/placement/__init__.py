"""Placement: where a model would lie before it is loaded, whether it lies there after, and advice.

Start with `planner.py` (makes plans), `rehearsal.py` (has an engine fit a model without loading it)
and `verify.py` (compares a load with its plan and its history: the verdict; its causes: `verify_causes.py`). `estimate.py`, `sizes.py`
and `shares.py` compute a plan where no engine can be asked; `draft*.py` choose the context of new
profiles; `words.py` and `fact_lines.py` put the results into words, `over_network.py` what a model on several machines sends.
It must never model llama.cpp's fit where the engine can be asked, and never refuse a load because of
an estimate.
To add advice: a generator over `ProfileFacts` or `MachineFacts` in one of `advice_*.py`, whose name is
its code, listed in `advice.py`, with its heading in docs/troubleshooting.md.
"""
