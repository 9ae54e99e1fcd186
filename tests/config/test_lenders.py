"""`rpc-nodes`: names of machines become the addresses at which these lend."""

from pathlib import Path

import pytest

from paddock.config.lenders import lacking, lenders_file, read_lenders, with_lenders
from paddock.config.profile import Profile, Stable

LENDERS = {"desk": "10.0.0.2:8086", "attic": "10.0.0.3:8086"}


@pytest.mark.parametrize(
    ("lines", "flag"),
    [
        ("rpc-nodes = desk", "10.0.0.2:8086"),
        ("rpc-nodes = attic, desk", "10.0.0.3:8086,10.0.0.2:8086"),  # in the order that is written
        ("rpc = 10.9.9.9:1\nrpc-nodes = desk", "10.9.9.9:1,10.0.0.2:8086"),
        ("rpc-nodes = desk, cellar", None),  # never on a part of them
        ("rpc-nodes = ", None),
        ("ctx-size = 512", None),
    ],
)
def test_names_become_addresses_where_all_of_them_lend(yard, lines: str, flag: str | None):
    written = yard.load(f"[m]\nmodel = m.gguf\n{lines}\n")
    profile = with_lenders(written, LENDERS).profiles["m"]
    found = profile.flag("--rpc")
    assert (found.values[0] if found else None) == flag
    assert lacking(profile, LENDERS) == (["cellar"] if "cellar" in lines else [])


def test_an_address_that_is_another_one_is_another_way_to_start():
    bare = Profile(id="m", line=1, model=Path("/m.gguf"), flags=(), rpc_nodes=("desk",))
    stable = Stable(Path("/models.conf"), Path("/"), {"m": bare})
    here = with_lenders(stable, LENDERS).profiles["m"]
    there = with_lenders(stable, {"desk": "10.0.0.9:8086"}).profiles["m"]
    assert len({bare.fingerprint, here.fingerprint, there.fingerprint}) == 3


@pytest.mark.parametrize("content", [None, b"", b"[]", b'{"desk": 1}', b"\xff"])
def test_a_file_that_says_nothing_of_the_kind_lends_nothing(tmp_path: Path, content: bytes | None):
    if content is not None:
        lenders_file(tmp_path).write_bytes(content)
        lenders_file(tmp_path).chmod(0o600)
    assert read_lenders(tmp_path) == {}
