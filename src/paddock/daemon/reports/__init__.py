"""What people and clients see: wire types made from the parts.

Start at `view.py` (status and profiles), then one file for each report: `catalog.py` (what can be asked
for), `profile_detail.py`, `preview.py` (what a switch would do), `saved_contexts.py`, `stats.py` and `remedies.py` (what switches cost, and what
would end that), `checkup.py` (what could be better),
`activity_feed.py` (readings each second), `device_watch.py` (readings of the last hour) and `publisher.py` (events on the bus).

Never: change state. A report takes `Parts`, reads and returns; the publisher publishes.
To add a report: its type in `api/`, a function of `Parts` in a file of its own, a route in `http/management_routes.py`.
To add an event: its type in `api/types.py`, a method of `Publisher`, who calls it.
"""
