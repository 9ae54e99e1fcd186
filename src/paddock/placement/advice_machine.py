"""Rules about the machine, independent of profiles. Pure."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from paddock.api.placement import Plan
from paddock.config.vocabulary import WELL_KNOWN, WRAPPER_FLAGS
from paddock.core.model import HOST
from paddock.llama.flags import FlagSet
from paddock.placement.devices import Reading, Readings, candidates
from paddock.placement.profile_facts import Finding, MachineFacts
from paddock.placement.words import gib, on_gpus

SYSTEM_CONFIG = Path("/etc/llama.cpp/config.ini")
_PREFIX = "LLAMA_ARG_"
_WORTH_TELLING = 64  # MiB of a process in swap: pages that nobody needs always end up there


def environment_overrides(machine: MachineFacts) -> Iterator[Finding]:
    """`LLAMA_ARG_…`: our instances do not get them, a llama-server by hand does."""
    found = {n: _key(n, machine.flags) for n in sorted(machine.environ) if n.startswith(_PREFIX)}
    if not found:
        return
    listed = ", ".join(f"{name} ({key})" for name, key in found.items())
    yield Finding(
        "info",
        f"the environment sets flags of llama-server: {listed}",
        "Paddock's instances do not see them; a llama-server started by hand takes them for what its"
        f" command line leaves open, so it may run otherwise: unset {' '.join(found)}",
    )


def _key(name: str, flags: FlagSet | None) -> str:
    """The variable's name as a key of models.conf: `CTX_SIZE`, `ubatch-size`."""
    found = (flags or WELL_KNOWN).find(name)
    if found is None:
        return name.removeprefix(_PREFIX).lower().replace("_", "-")
    wrappers = {flag: key.upper() for key, flag in WRAPPER_FLAGS.items()}
    return wrappers.get(found[0].name, found[0].name.removeprefix("--"))


def llama_config_file(machine: MachineFacts) -> Iterator[Finding]:
    """llama.cpp's own config.ini, below the command line: for whatever that leaves open."""
    for path, keys in machine.config_files.items():
        sets = f"sets {', '.join(keys)}" if keys else "is there"
        if path == SYSTEM_CONFIG:
            yield Finding(
                "warning",
                f"{path} {sets}: for every llama-server of this machine, Paddock's included",
                "write into models.conf what profiles need, since that comes first, or remove the file",
            )
        else:
            yield Finding(
                "info",
                f"{path} {sets}: for a llama-server that is started by hand",
                "Paddock's instances do not read it; write into models.conf what profiles need",
            )


# What gets an engine for the GPUs that there are.
BUILD_ONE = "`paddock engine build` makes one that does; or name a llama-server with CUDA, ROCm or Vulkan as `engine`"


def gpus_unseen(machine: MachineFacts) -> Iterator[Finding]:
    """A driver lists GPUs, and an engine uses none: it was built without them, or lacks a library."""
    names = ", ".join(reading.name for reading in _of_drivers(machine.readings))
    if not names:
        return
    for engine, plans in _by_engine(machine.plans).items():
        if not any(on_gpus(plan) for plan in plans):
            message = f"there are GPUs ({names}), and {engine} uses none of them"
            yield Finding("warning", message, BUILD_ONE)


def _of_drivers(readings: Readings) -> list[Reading]:
    """The GPUs that drivers report; those behind RPC only the engine knows."""
    return candidates(r for id_, r in readings.items() if id_ != HOST and not id_.startswith("RPC"))


def _by_engine(plans: tuple[Plan, ...]) -> Mapping[str, list[Plan]]:
    found: dict[str, list[Plan]] = {}
    for plan in plans:
        if plan.source == "engine":
            found.setdefault(f"{plan.engine} {plan.engine_version}".strip(), []).append(plan)
    return found


def swapped_out(machine: MachineFacts) -> Iterator[Finding]:
    """A loaded model in swap must be read back from disk for its next request."""
    for profile, mib in machine.swapped.items():
        if mib >= _WORTH_TELLING:
            used = machine.memory.swap_used_mib
            of = f", of {gib(used)} that the machine swapped" if used else ""
            message = f"{gib(mib)} of the loaded {profile} is in swap{of}"
            hint = (
                f"RAM was short: `paddock unload {profile}` and load it again, or keep less loaded"
            )
            yield Finding("warning", message, hint)
