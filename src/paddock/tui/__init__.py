"""The terminal dashboard: an ordinary client of the API, which can be opened and closed at will.

Three steps, each in its files. *News to state*: `feed.py` reads events in a thread, `reducer.py` puts what
each carries into a `View` (`state.py`; `rows.py`, `switches.py`, `traces.py`, `notices.py` are its parts).
*State to plain lines*: `reading.py`, `bars.py`, `switch_lines.py`, `marks.py`. *Lines to the screen*:
`paint.py` colours them, `dashboard.py` and the other screens lay them out, `app.py` wires everything.
`tail.py`, `transcript.py`, `log_view.py` and `logs.py` are the logs.

It never repeats a rule of the daemon: what a reader needs is in the event, and the reducer only replaces.
Nothing but the last step knows a terminal.

The next key: a `Binding` in `dashboard.py`, its `action_…` in `app.py`, its line in `guide.py`. The next
number: a field in `state.py`, its line in the reducer, its words in `reading.py`; `make pictures` then
remakes the golden screens.
"""
