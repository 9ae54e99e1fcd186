"""Whether more was placed on a GPU than it could have, so that it lies in RAM after all. Pure.

It happens where an engine takes free RAM for free memory of a GPU, and the driver moves pages between both: with
GGML_CUDA_ENABLE_UNIFIED_MEMORY (whatever its value; build 11434), `--fit` moves nothing to RAM by itself then.
Measured on an H200 with 4 GiB left: 8B in Q8_0 made 0.9 tokens/s so, and 9.8 as fit places it without that variable.
"""

from collections.abc import Mapping

from paddock.api.placement import Placement
from paddock.placement.devices import Reading
from paddock.placement.words import gib

_TELLING = 256  # MiB: readings and sums of a log differ by less


def overcommitted(
    placement: Placement, readings: Mapping[str, Reading], ours: Mapping[str, int]
) -> str:
    """What was placed where it cannot be, in words; empty where all can.

    `readings` and `ours`, MiB of our other instances, by the engine's name of the device: a card that it uses through two
    backends has two, and one memory.
    """
    for reading in {reading.id: reading for reading in readings.values()}.values():
        if reading.total_mib is None or reading.is_in_ram or reading.is_reported:
            continue
        names = [name for name, other in readings.items() if other.id == reading.id]
        others = sum(t.mib or 0 for t in reading.takers) + max(ours.get(n, 0) for n in names)
        had = max(0, reading.total_mib - others)
        placed = round(sum(b.mib for b in placement.buffers if b.device in names))
        if placed > had + _TELLING:
            where = " and ".join(names)
            return f"{gib(placed)} were placed on {where}, which had {gib(had)}: the rest is fetched from RAM for each token"
    return ""
