"""What the world promises to those who ask: no grace against oneself, and grace against others."""

from typing import TYPE_CHECKING

from paddock.core.model import UNKNOWN, Asker, ProfileId

if TYPE_CHECKING:
    from tests.core.world import Process, World


def waits_for_itself(world: "World") -> bool:
    """Whether all stand still, and nobody is there but one asker, who does one thing after another."""
    processes = world.processes.values()
    if world.leased or not world.waiting or any(p.ending or p.state != "ready" for p in processes):
        return False
    if not world.waiting.keys() <= world.scheduler._books.waiting.keys():
        return False  # it is lost, which is another matter
    askers = {request.asker for request in world.waiting.values()}
    askers.update(*(process.users.keys() | process.given_up for process in processes))
    if len(askers) != 1 or UNKNOWN in askers:
        return False
    return all(r.since >= world.last_end.get(r.asker, 0.0) for r in world.waiting.values())


def is_missed(world: "World", process: "Process") -> bool:
    """Whether it leaves before its grace is over, though somebody may come back who waits for nothing.

    Only where it is sure that nobody was in a right to push it out.
    """
    users = _absent(world, process)
    if process.state != "ready" or not users or world.is_switching:
        return False
    cost = world.cost(process.profile)
    last = max(*users.values(), process.since)
    end = min(process.since + world.rules.tenure * cost, last + world.rules.linger * cost)
    return world.now < end and not _has_a_right(world, process)


def _absent(world: "World", process: "Process") -> dict[Asker, float]:
    waiting = {request.asker for request in world.waiting.values()} - {UNKNOWN}
    return {asker: last for asker, last in process.users.items() if asker not in waiting}


def _has_a_right(world: "World", process: "Process") -> bool:
    """Whether somebody waits who insists, or for long, or for what was not pushed out lately."""
    if world.pending - {request.profile for request in world.waiting.values()}:
        return True  # begun for one who has gone
    requests = world.waiting.values()
    overdue = any(r.since + _patience(world, r.profile) <= world.now for r in requests)
    idle_since = max([*process.users.values(), process.since])
    return (
        overdue
        or any(request.insists for request in requests)
        or any(
            idle_since - world.evicted_at.get(request.profile, float("-inf"))
            > _patience(world, request.profile)
            for request in requests
        )
    )


def _patience(world: "World", profile: ProfileId) -> float:
    return max(world.rules.patience, 2 * world.cost(profile))
