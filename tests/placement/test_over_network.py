"""What a model on other machines' devices sends over the network."""

import pytest

from paddock.api.placement import DevicePlan, Plan
from paddock.llama.gguf import Facts
from paddock.placement.over_network import is_far, network_notes

FAR, NEAR, OWN = "RPC0[10.0.0.2:8086]", "RPC0[127.0.0.1:8086]", "0000:01:00.0"


@pytest.mark.parametrize(
    ("device", "far"),
    [(FAR, True), ("RPC1[desk:8086]", True), (NEAR, False), ("RPC0[[::1]:1]", False), (OWN, False), ("host", False)],
)  # fmt: skip
def test_what_is_reached_over_a_network(device: str, far: bool):
    assert is_far(device) is far


def plan(**mib: int) -> Plan:
    ids = {"far": FAR, "near": NEAR, "own": OWN}
    devices = [
        DevicePlan(device=name, id=ids[name], model=size, context=1) for name, size in mib.items()
    ]
    return Plan(profile="m", source="engine", fits=True, devices=devices)


def facts(n_embd: int) -> Facts:
    return Facts(
        architecture="llama", n_layers=4, kv_layers=4, n_embd=n_embd, size_bytes=1, shards=("m",)
    )


def test_the_weights_of_far_devices_alone_are_sent_at_every_load():
    (load, token) = network_notes(plan(far=11_900, near=500, own=700), facts(4096))
    assert load == "over the network to far, not encrypted: 11.6 GiB at every load (100 s at 1 Gbit/s)"  # fmt: skip
    assert token.startswith("and about 38 KiB for every token")
    assert network_notes(plan(near=500, own=700), facts(4096)) == []
    assert len(network_notes(plan(far=10), None)) == 1
