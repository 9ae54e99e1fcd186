"""With what an engine computes, as its own log shows it. Pure."""

import re

from paddock.api.placement import Placement
from paddock.llama.fit import is_host

_BACKEND = re.compile(r"[A-Za-z]+")  # of `CUDA0`, `CUDA_Split`, `RPC0[127.0.0.1:50052]`


def backends(placement: Placement) -> frozenset[str]:
    """The backends of the devices that a load saw or used: `CUDA`, `Vulkan`, `RPC`; none on the processor alone.

    Two builds of one version print the same `--version`, whatever is compiled in.
    """
    names = {*placement.free, *(buffer.device for buffer in placement.buffers)}
    found = (_BACKEND.match(name) for name in names if not is_host(name))
    return frozenset(match[0] for match in found if match)


def named(found: frozenset[str]) -> str:
    """These backends in words."""
    return ", ".join(sorted(found)) or "the processor alone"
