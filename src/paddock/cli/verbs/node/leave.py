"""`paddock node leave`: this machine is no part of the cluster any more."""

from __future__ import annotations

import os

from paddock.cli.options import StateDir

EXAMPLE = "Example: paddock node leave"


def leave(state_dir: StateDir = None) -> None:
    """Leave the cluster that `paddock node join` joined.

    The daemon goes on serving whoever reaches it, but no front any more; `paddock stop --state-dir` ends it.
    """
    from paddock.cli.background.node_keeper import ended
    from paddock.cli.offline.joining import fronts_forgotten
    from paddock.cluster.membership.joined import joined
    from paddock.errors import NoSuchThing

    machine = joined(os.environ, state_dir)
    if machine is None:
        raise NoSuchThing(
            "this machine has not joined a cluster by `paddock node join`",
            hint="`ray stop` ends what `ray start` has started",
        )
    was_in = ended(machine)
    machine.file.unlink(missing_ok=True)
    count = fronts_forgotten(machine)
    print(f"{machine.name} has left" if was_in else f"{machine.name} was in no cluster any more")
    if count:
        folder = machine.file.parent
        print(
            f"its daemon, where one runs, answers no front any more; `paddock stop --state-dir {folder}` ends it"
        )
