"""Readings of this machine: GPUs, memory, control groups, processes.

Start with `gpu.py` (the numbers that all drivers share) and `gpus.py` (all GPUs of the machine).
`nvidia.py` reads NVML; `amd.py`, `intel.py`, `drm.py` and `drm_clients.py` read sysfs and /proc; `memory.py` and
`cgroups.py` say how much RAM may be used; `processor.py` how hard the processors work; `processes.py` reads single processes.
What cannot be read is None, never zero and never an exception. Nothing here decides, remembers, or
knows a profile or an engine's name for a device (`placement/devices.py` joins the two).
To add a vendor: a module with a `GpuDriver`, listed in `gpus.py`, tested on a made-up sysfs tree or
on recorded readings in `tests/host`.
"""
