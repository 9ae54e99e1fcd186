"""What a server reported of its load: its phases, its context, where it lies, which protocol it speaks."""

import re
from collections.abc import Iterator, Sequence

from paddock.api.placement import LoadMode, Placement
from paddock.daemon.instances import phase as ph
from paddock.daemon.instances.stages import Stages
from paddock.llama.output import StateLine, load_hint
from paddock.llama.placement_log import PlacementReader
from paddock.llama.tensor_split import split_of
from paddock.placement.replayable import Replay

# As printed by build 11434 from `-lv 4` on. A draft model's comes later.
_ARCHITECTURE = re.compile(r"print_info: arch\s+= ([\w.-]{1,64})")


class LoadReport:
    """Filled from the lines of one instance's log and standard output, until it is ready."""

    def __init__(
        self, replay: Replay | None = None, mode: LoadMode | None = None, argv: Sequence[str] = ()
    ) -> None:
        """`replay`: what the load was given of its plan; `mode`: the load mode that was chosen for it."""
        self.reader = PlacementReader(split_of(argv))
        self._replay = replay
        if replay:
            self.reader.placement = replay.placement
        if mode:
            self.reader.placement.load_mode_why = mode.why
        self.difference = ""  # where the flags of its plan placed it otherwise than fit chose
        self._is_compared = False
        self.n_ctx: int | None = None  # tokens; None: not reported yet
        self.speaks_protocol = False
        self.architecture = ""  # of its model
        self._stages = Stages()

    @property
    def placement(self) -> Placement:
        return self.reader.placement

    @property
    def context_mib(self) -> float:
        return sum(buffer.mib for buffer in self.placement.buffers if buffer.kind == "context")

    def after_log(self, phase: ph.Phase, line: str) -> ph.Phase:
        """The phase after this line of the log, while it loads."""
        self.read_log(line)
        return self._stages.after_hint(phase, load_hint(line))

    def after_state(self, phase: ph.Phase, state: StateLine) -> Iterator[ph.Phase]:
        """The phases that this `loading` line of the child protocol leads through."""
        after = self._stages.after_state(phase, state)
        if isinstance(after, ph.Warming) and isinstance(phase, ph.Starting | ph.Fitting):
            yield ph.Loading(state.part, 1.0)  # the log has the line of its begin too late
        yield after

    def after_look(self, phase: ph.Phase, *, mib_done: int, mib_total: int) -> ph.Phase:
        """The phase after a look at /proc: so much was read and mapped."""
        return self._stages.after_look(phase, mib_done=mib_done, mib_total=mib_total)

    def read_log(self, line: str) -> None:
        """Where it lies, as far as this line says it."""
        self.reader.feed(line)
        self._compare_weights()
        if not self.architecture and (found := _ARCHITECTURE.search(line)):
            self.architecture = found[1]
        self.note_context(self.n_ctx)

    def _compare_weights(self) -> None:
        """Once, with the model's first graph: a draft model comes after it."""
        if self._replay and not self._is_compared and self.placement.graph_splits is not None:
            self._is_compared = True
            self.difference = self._replay.difference(self.placement)

    @property
    def misfit(self) -> str:
        """Where what its engine saw free is not what its plan was made for; empty where it is, or fit searched."""
        return self._replay.misfit(self.placement.free) if self._replay else ""

    def read_past_state(self, state: StateLine) -> None:
        """A line of the child protocol from before this daemon."""
        self.speaks_protocol = True
        self.n_ctx = state.n_ctx or self.n_ctx

    def recall(self, placement: Placement | None) -> None:
        """What an earlier daemon knew of it, in place of what its log still says."""
        if placement:
            self.reader.placement = placement
            self.n_ctx = self.n_ctx or placement.n_ctx
        self.note_context(self.n_ctx)

    def note_context(self, tokens: int | None) -> None:
        """The server's own word on its context counts more than what its log says of it."""
        self.n_ctx = tokens
        if tokens:
            self.placement.n_ctx = tokens
