"""A campaign of faults against a real daemon with real servers: what users, disks and kernels do, at random.

Start reading at `campaign.py`; `traffic.py` are the clients, `faults.py` what happens to them,
`checks.py` what must hold after every round. A new fault is one function in `faults.py`, listed in
`FAULTS`. `tools/campaign.py` runs it by hand, `test_campaign.py` a short one in CI.
"""
