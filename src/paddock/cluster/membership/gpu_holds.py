"""GPUs that models lie on, reserved with Ray, so that its other jobs get none of them. Sent by value, as `node_actor.py`.

Ray says itself which GPU it gives. So a reservation is made, asked which one it is, and kept if that is the right one;
those in between are given back at the end. A reservation is a placement group: it needs no process, and Ray removes it
with the actor that made it.
"""

from __future__ import annotations

from typing import Any

_READY_SECONDS = 5  # for a reservation; longer means that no GPU is free
_ASK_SECONDS = 60  # for a worker to begin and say which it is


def in_use(devices: list[dict[str, Any]]) -> set[int]:
    """The numbers of the GPUs on which models lie, as Ray and nvidia-smi count: by the address on the bus."""
    gpus = sorted((one for one in devices if one.get("kind") == "gpu"), key=lambda one: str(one.get("id", "")))  # fmt: skip
    return {number for number, one in enumerate(gpus) if one.get("booked_mib")}


def names_of(numbers: set[int], devices: list[dict[str, Any]]) -> list[str]:
    """The addresses on the bus of the GPUs of these numbers."""
    gpus = sorted(str(one.get("id", "")) for one in devices if one.get("kind") == "gpu")
    return [gpus[number] for number in sorted(numbers) if number < len(gpus)]


class GpuHolds:
    """The reservations of one machine."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.held: dict[int, Any] = {}  # number -> placement group
        self._of_jobs: set[int] = set()
        self._seen = self._examined = (-1.0, frozenset[int]())  # how many nobody had, and ours then

    def count(self) -> int:
        """How many GPUs Ray has there."""
        here = self._node()
        return int(here["Resources"].get("GPU", 0)) if here else 0

    def _node(self) -> dict[str, Any] | None:
        import ray

        here = [n for n in ray.nodes() if n["Alive"] and n["NodeManagerAddress"] == self._address]
        return here[0] if here else None

    def free(self) -> float:
        """How many GPUs nobody has there, as Ray counts."""
        from ray._private.state import available_resources_per_node

        here = self._node()
        known = available_resources_per_node().get(here["NodeID"], {}) if here else {}
        return round(float(known.get("GPU", 0)), 4)

    def jobs(self) -> set[int]:
        """The numbers of the GPUs that jobs have, or a part of; to be asked again and again.

        Ray says how many it has left, not which: those that can be reserved are none of theirs. That takes them for a moment,
        so it is done only when another number has stayed for two looks.
        """
        now = self.free(), frozenset(self.held)
        if now == self._seen and now != self._examined:
            is_all_there = now[0] == self.count() - len(self.held)
            self._of_jobs = set() if is_all_there else self._not_free(int(now[0]))
            self._examined = now
        self._seen = now
        return self._of_jobs - self.held.keys()

    def _not_free(self, most: int) -> set[int]:
        """All that are not ours and cannot be reserved, where so many can at most."""
        others = set(range(self.count())) - self.held.keys()
        spare = []
        try:
            for _ in range(most):
                group = self._reserve()
                number = self._number(group) if group is not None else None
                if number is None:
                    break
                spare.append(group)
                others.discard(number)
        finally:
            for group in spare:
                self._give_back(group)
        return others

    def hold(self, wanted: set[int]) -> None:
        """Reserve these and no others, as far as they are free."""
        for number in [one for one in self.held if one not in wanted]:
            self._give_back(self.held.pop(number))
        spare: dict[int, Any] = {}
        try:
            while wanted - self.held.keys():
                group = self._reserve()
                found = self._number(group) if group is not None else None
                if found is None:
                    return  # a Ray job has it
                (self.held if found in wanted else spare)[found] = group
        finally:
            for group in spare.values():
                self._give_back(group)

    def _reserve(self) -> Any:
        """One more GPU of this machine; None where none is free."""
        from ray.util.placement_group import placement_group

        group = placement_group([{"GPU": 1, f"node:{self._address}": 0.001}])
        if group.wait(_READY_SECONDS):
            return group
        self._give_back(group)
        return None

    def _number(self, group: Any) -> int | None:
        """Which one a reservation is; it is given back where nobody can say."""
        import ray
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        def ask() -> list[str]:
            return list(ray.get_runtime_context().get_accelerator_ids()["GPU"])

        strategy = PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=0)
        asked = ray.remote(num_cpus=0, num_gpus=1)(ask).options(scheduling_strategy=strategy)
        try:
            (number,) = ray.get(asked.remote(), timeout=_ASK_SECONDS)
            return int(number)
        except (ray.exceptions.RayError, ValueError):
            self._give_back(group)
            return None

    @staticmethod
    def _give_back(group: Any) -> None:
        from ray.util.placement_group import remove_placement_group

        remove_placement_group(group)
