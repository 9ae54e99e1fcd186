"""What goes on now: events, requests in flight, switches under way, counts for Prometheus.

Start at `bus.py` (numbered events, bounded queues), then `requests.py` (who is served, how far) and
`switches.py` (since when, at which stage, how long still). `metrics.py` counts, `scrape.py` renders that for Prometheus; `usage.py` knows who was used
last; `watchman.py` ends instances that hang.

Never: make anybody wait for a slow reader, or keep anything unbounded. On the hot path a request costs
an insertion and a deletion.
To add a metric: a family in `Metrics`, a method that counts, and its test in `tests/http`.
"""
