"""A listener whose errors harm nobody: what an instance does next never depends on who hears of it."""

from paddock.core.model import Cause
from paddock.daemon.faults import Faults
from paddock.daemon.instances.instance import Instance, Listener
from paddock.llama.output import TaskLine, Timing


class Sheltered:
    """A `Listener` before another. An error in one call costs that call."""

    def __init__(self, listener: Listener, faults: Faults) -> None:
        self._listener, self._faults = listener, faults

    def phase_changed(self, instance: Instance) -> None:
        with self._faults.caught("aftermath"):
            self._listener.phase_changed(instance)

    def progressed(self, instance: Instance) -> None:
        with self._faults.caught("aftermath"):
            self._listener.progressed(instance)

    def saving_changed(self, instance: Instance) -> None:
        with self._faults.caught("aftermath"):
            self._listener.saving_changed(instance)

    def got_ready(self, instance: Instance) -> None:
        """Ends it where that fails: it would serve nobody, and whoever waits for it would for ever."""
        try:
            self._listener.got_ready(instance)
        except Exception as error:  # noqa: BLE001  # those who wait must hear of it
            self._faults.note("aftermath", error)
            message = f"an internal fault of Paddock: {error!r}"
            instance.order.end_hung(Cause("internal", message))

    def taken_over(self, instance: Instance) -> None:
        with self._faults.caught("aftermath"):
            self._listener.taken_over(instance)

    def task_reported(self, instance: Instance, line: TaskLine) -> None:
        with self._faults.caught("aftermath"):
            self._listener.task_reported(instance, line)

    def request_timed(self, instance: Instance, prompt: Timing | None, answer: Timing) -> None:
        with self._faults.caught("aftermath"):
            self._listener.request_timed(instance, prompt, answer)

    def ended(self, instance: Instance, cause: Cause | None) -> None:
        with self._faults.caught("aftermath"):
            self._listener.ended(instance, cause)
