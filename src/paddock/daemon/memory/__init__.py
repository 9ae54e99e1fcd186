"""Who holds how much of which device, and what each profile will take.

Start at `ledger.py` (readings, ours and others'; `holders.py`: which instance holds how much of a card, `release.py`: when that is
given back, `engine_devices.py`: what only engines see; `held_gpus.py`: what jobs of Ray hold; `device_info.py` describes one for people), then `plans.py` (what engines planned, made when
nothing loads; `rehearsals.py` makes one, `known_plans.py` keeps them), `demands.py` (from a plan to what the scheduler knows) and `specs.py`. `sampler.py` reads the
devices now and then and feeds the loop with the numbers; `device_past.py` keeps the last hour of them. `read_ahead.py` fills the page cache for who comes next.

Never: decide here who fits (`core/room.py` does), or refuse because of a plan where llama.cpp's fit can
shrink the profile. No rehearsal runs while anything loads or ends.
To add a kind of device: a reading in `host/`, its identity and its row in `ledger.py`.
"""
