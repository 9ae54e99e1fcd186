"""A campaign of faults against a real daemon with real servers: what users, disks and kernels do, at random.

Start reading at `campaign.py`; `traffic.py` are the clients, `faults.py` and `surroundings.py` what
happens to them, `checks.py` what must hold after every round. A new fault is one function, listed at
the end of its file. `tools/campaign.py` runs it by hand, `test_campaign.py` a short one in CI.
"""
