"""Which machines of a cluster lend their devices, and where: the front says so, `rpc-nodes` of a profile names them."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec

from paddock.config.profile import Flag, Origin, Profile, Stable
from paddock.private import believed

RPC = "--rpc"
_KEY = "rpc-nodes"
NOBODY: Mapping[str, str] = {}


def lenders_file(state_dir: Path) -> Path:
    """Where it is kept of this machine's daemon."""
    return state_dir / "lenders.json"


def read_lenders(state_dir: Path) -> dict[str, str]:
    """HOST:PORT of those that lend, by name; none where nobody has said so. Blocking."""
    with suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode(believed(lenders_file(state_dir)), type=dict[str, str])
    return {}


def with_lenders(stable: Stable, lenders: Mapping[str, str]) -> Stable:
    """Each profile that names machines, with their addresses as `--rpc`, where all of them lend."""
    if not any(profile.rpc_nodes for profile in stable.profiles.values()):
        return stable
    profiles = {name: _spread(p, lenders) for name, p in stable.profiles.items()}
    return replace(stable, profiles=profiles)


def lacking(profile: Profile, lenders: Mapping[str, str]) -> list[str]:
    """Those of its machines that do not lend."""
    return [name for name in profile.rpc_nodes if name not in lenders]


def _spread(profile: Profile, lenders: Mapping[str, str]) -> Profile:
    if not profile.rpc_nodes or lacking(profile, lenders):
        return profile
    written = profile.flag(RPC)
    own = written.values[0].split(",") if written else []
    value = ",".join([*own, *(lenders[name] for name in profile.rpc_nodes)])
    flag = Flag(RPC, (value,), Origin(profile.id, _KEY, profile.line))
    return replace(profile, flags=(*(one for one in profile.flags if one is not written), flag))
