"""The command line and the environment of an instance: its profile, then what Paddock itself needs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from paddock.config.profile import Flag, Origin, Profile
from paddock.engine.engine import Engine
from paddock.engine.environment import engine_environment

_PADDOCK = Origin("paddock", "")
# For some flags of ours, other flags that set the same: `--verbose` is a verbosity too.
_SAME = {"--verbosity": ("--verbose",)}
_PLACEMENT_LEVEL = "4"  # llama-server logs where buffers lie from this verbosity on


def own_flags(
    engine: Engine, profile: Profile, *, socket: str, contexts: Path | None = None
) -> list[Flag]:
    """What Paddock adds to a profile's flags, as far as this engine knows it and the profile is silent.

    `contexts`: the folder to which it may save what its slots hold.
    """
    wanted = {
        "--host": (socket,),
        "--alias": (profile.id,),
        "--verbosity": (_PLACEMENT_LEVEL,),
        "--log-colors": ("off",),
    }
    if contexts:
        wanted["--slot-save-path"] = (f"{contexts}/",)
    added = []
    for key, values in wanted.items():
        found = engine.flags.find(key)
        if found and not any(_gives(profile, engine, name) for name in (key, *_SAME.get(key, ()))):
            added.append(Flag(found[0].name, values, _PADDOCK))
    return added


def _gives(profile: Profile, engine: Engine, name: str) -> bool:
    found = engine.flags.find(name)
    return found is not None and profile.flag(found[0].name) is not None


def command(
    engine: Engine,
    profile: Profile,
    *,
    socket: str,
    contexts: Path | None = None,
    given: Sequence[str] = (),
) -> list[str]:
    """The argv that starts this profile on this engine, listening on `socket`; see `own_flags`.

    `given`: what this load alone gets, such as a plan's placement; it comes last, and the last one wins.
    """
    own = own_flags(engine, profile, socket=socket, contexts=contexts)
    added = (word for flag in own for word in flag.argv)
    return [*engine.command, *profile.argv, *added, *given]


def environment(engine: Engine, base: Mapping[str, str]) -> dict[str, str]:
    """The child's environment: without the user's llama.cpp settings, with the child protocol on."""
    # Any value switches the router's child protocol on (tools/server/server-models.cpp).
    return {**engine_environment(base), **dict(engine.env), "LLAMA_SERVER_ROUTER_PORT": "1"}


def rehearsal(
    engine: Engine, profile: Profile, *, socket: str, changes: Sequence[str] = ()
) -> list[str]:
    """The argv that has this engine fit this profile and log every trial (`placement.rehearsal`).

    `changes` come last, and the last flag wins.
    """
    verbose = ["--verbosity", "5", "--log-colors", "off"]
    return [*engine.command, *profile.argv, "--host", socket, *verbose, *changes]
