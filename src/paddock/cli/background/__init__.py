"""The daemon as a process of this machine: started, waited for, ended, and where its lines go.

Start at `process.py`; `start.py` is what `paddock start` and the dashboard do with it. `log_lines.py`,
`floods.py` and `own_log.py` are the daemon's log: how a line looks, how many of a kind are written, and
when the file is begun anew. `demo_stage.py` is the daemon of `paddock demo`. `node_daemon.py` finds or starts the one of this machine for a stable of many, and
`node_keeper.py` the process that keeps the machine in it, `lender.py` the one that lends its devices. `child.py`
is for verbs that run a command of the user's.

It never imports the daemon's code: it starts `paddock serve` and speaks to it over HTTP.
To add something that is done with the daemon's process: a function here that takes paths and a client, and leaves words to
`output/`. What the daemon itself must do for it is an endpoint.
"""
