"""The logs of instances and of the daemon, by name.

Start at `logbook.py` (from a name to the runs that have a log), then `log_reading.py` (what is there, then
what comes, without a gap).

Never: interpret a line here (`llama/output.py` does), or have anybody inform a reader: files do.
To add a log with a name of its own: a `Run` in `Logbook`.
"""
