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


class GpuHolds:
    """The reservations of one machine."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.held: dict[int, Any] = {}  # number -> placement group

    def count(self) -> int:
        """How many GPUs Ray has there."""
        import ray

        here = [n for n in ray.nodes() if n["Alive"] and n["NodeManagerAddress"] == self._address]
        return int(here[0]["Resources"].get("GPU", 0)) if here else 0

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
