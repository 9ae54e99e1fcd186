"""The terminal dashboard: an ordinary client of the API, which can be opened and closed at will.

Three steps, each in its files. *News to state*: `feed.py` reads events in a thread, `reducer.py` puts what
each carries into a `View` (`state.py`; `rows.py`, `switches.py`, `traces.py`, `notices.py` are its parts).
*State to plain lines*: `reading.py`, `model_rows.py`, `arrangement.py` (sorted, filtered), `problems.py`, `bars.py`, `fitting.py` (what gives way where there is no room),
`switch_lines.py`, `marks.py`. *Lines to the screen*: `paint.py` colours them, `dashboard.py` and the other screens lay
them out, `app.py` wires everything. `verbs.py` is the table of keys, from which bindings, help and Ctrl-P are made.
`editing.py` lends the terminal to an editor. `tail.py`, `transcript.py`, `log_view.py` and `logs.py` are the logs.

It never repeats a rule of the daemon: what a reader needs is in the event, and the reducer only replaces.
Nothing but the last step knows a terminal.

To add a key: a line in `verbs.py`, its `action_…` in `app.py` or `dashboard.py`. To add a
number: a field in `state.py`, its line in the reducer, its words in `reading.py`; `make pictures` then
remakes the golden screens.
"""
