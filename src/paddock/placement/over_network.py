"""What goes over the network for a model that lies on other machines' devices too (llama.cpp's RPC). Pure.

Counted on real ones (build 11434): weights go once at each load, from the machine whose disk has them. Then, for each
token, a row of the model's width to each of those machines and one back, and some KiB of what is to be computed; the last
one in line sends a number for each word of the vocabulary instead.
"""

from collections.abc import Sequence

from paddock.api.placement import DevicePlan, Plan
from paddock.llama.gguf import Facts
from paddock.placement.words import gib

_BYTES = 4  # of a number between layers
_ORDERS = 6 << 10  # bytes of what is to be computed, for each token and machine
_GIGABIT = 119.0  # MiB that 1 Gbit/s moves in a second
_NEAR = ("127.", "localhost", "[::1]")


def is_far(device: str) -> bool:
    """Whether this device, by the ledger's name, is reached over a network."""
    _, is_rpc, endpoint = device.partition("[")
    return bool(device.startswith("RPC") and is_rpc) and not endpoint.startswith(_NEAR)


def sent_by_load(devices: Sequence[DevicePlan]) -> int:
    """MiB of weights that each load sends."""
    return sum(device.model for device in devices if is_far(device.id))


def sent_by_token(devices: Sequence[DevicePlan], facts: Facts) -> int:
    """Bytes that each token of a prompt or an answer takes, about, both ways together."""
    users = [device for device in devices if is_far(device.id) and device.model]
    return len(users) * (2 * _BYTES * (facts.n_embd or 0) + _ORDERS)


def network_notes(plan: Plan, facts: Facts | None) -> list[str]:
    """The same in words; nothing where all of it lies here."""
    users = [device for device in plan.devices if is_far(device.id) and device.total]
    if not users:
        return []
    mib = sent_by_load(users)
    seconds = mib / _GIGABIT
    where = ", ".join(device.description or device.device for device in users)
    notes = [
        f"over the network to {where}, not encrypted: {gib(mib)} at every load ({seconds:.0f} s at 1 Gbit/s)"
    ]
    if facts and facts.n_embd and (size := sent_by_token(users, facts)):
        notes.append(
            f"and about {size / 1024:.0f} KiB for every token of a prompt or an answer, which waits for it"
        )
    return notes
