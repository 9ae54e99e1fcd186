"""Models from a hub: what a repository has, what of it is good for this machine, and the files themselves.

Start at `names.py` (what a person named), `repository.py` (what is there), `proposal.py` (which of it fits)
and `transfer.py` (several files, resumed and checked). `library.py` is the one way to `huggingface_hub`, an
extra that is imported only when it is used, and never by the daemon.

A name that comes from a hub is data: `repository.py` leaves out what could leave its folder, and `places.py`
never writes over a file. No file gets its final name before its length and hash are the hub's.
To add another kind of hub: another `library.py` and `listing.py`.
"""
