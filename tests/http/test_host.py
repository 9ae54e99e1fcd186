"""A Host field is read whole: what is not entirely a name of ours, or an address, is a stranger's."""

import ipaddress
import re
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.http.host import RESERVED, OwnHosts

OURS = OwnHosts("127.0.0.1:8080", allowed=("Box.lan",))
GOOD = ["localhost", "LocalHost", "a.localhost", "box.lan", "127.0.0.1", "192.168.1.7", "[::1]"]
PORTS = ["", ":", ":80", ":65535"]

addresses = st.one_of(
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(lambda address: f"[{address}]"),
)
ports = st.one_of(st.just(""), st.integers(0, 65535).map(lambda port: f":{port}"))
# What a URL may hold beside its host, and what a lenient reader would stop at or skip.
odd = st.text(st.sampled_from("@/\\?#%[]:;, \t\0é,\"'<>|^`{}\u3002\uff0e"), min_size=1, max_size=4)
stranger = st.sampled_from(["evil.example", "evil", "x", "1.2.3.4.evil.example", "localhost.evil"])


@pytest.mark.parametrize("host", GOOD)
@pytest.mark.parametrize("port", PORTS)
def test_our_names_and_all_addresses_are_ours_with_any_port(host: str, port: str):
    assert host + port in OURS


@given(addresses, ports)
def test_every_address_is_ours_as_no_name_server_leads_to_it(address: str, port: str):
    assert address + port in OURS


@pytest.mark.parametrize(
    "host",
    [
        "[::1]evil.example",
        "[::1]:80evil.example",
        "[::1].evil.example",
        "localhost:80@evil.example",
        "localhost@evil.example",
        "evil.example@localhost",
        "localhost:x",
        "localhost:80:80",
        "localhost:123456",
        "localhost ",
        " localhost",
        "localhost,evil.example",
        "localhost/evil",
        "localhost%2eevil.example",
        "localhost\n",
        "evillocalhost",
        ".localhost",
        "box.lan.evil.example",
        "::1",
        "[127.0.0.1]",
        "[]",
        "[::1",
        "::1]",
        "[::1%25eth0]",
        "[v1.localhost]",
        "1.2.3",
        "1.2.3.4.5",
        "0x7f000001",
        "٣.1.1.1",
        "١٢٧.0.0.1",
        "localho\u017ft",
        "",
    ],
)
def test_what_only_begins_or_ends_like_ours_is_not(host: str):
    assert host not in OURS


@given(st.sampled_from(GOOD) | addresses, ports, odd, stranger)
def test_nothing_may_stand_before_between_or_behind(host: str, port: str, mark: str, other: str):
    for forged in (
        f"{host}{port}{mark}{other}",
        f"{other}{mark}{host}{port}",
        f"{host}{mark}{other}{port}",
    ):
        if not _is_plainly_ours(forged):
            assert forged not in OURS


pieces = st.lists(st.sampled_from([*GOOD, *PORTS, *"@.[]:/ ", "evil", "::1"]), max_size=4)


@given(pieces.map("".join) | st.text(max_size=40))
def test_whatever_is_taken_for_ours_is_an_address_or_a_name_of_ours(text: str):
    if text in OURS:
        assert _is_plainly_ours(text)


def _is_plainly_ours(host: str) -> bool:
    """By another road than the code's: take the port off, and look at the whole rest."""
    name = re.sub(r":[0-9]*\Z", "", host) if not host.endswith("]") else host
    bare = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    try:
        return (ipaddress.ip_address(bare).version == 6) == (bare != name) and "%" not in bare
    except ValueError:
        low = name.lower()
        is_sub = re.fullmatch(r"[a-z0-9_][a-z0-9_.-]*\.localhost", low) is not None
        return low in {*RESERVED, "box.lan", socket.gethostname().lower()} or is_sub
