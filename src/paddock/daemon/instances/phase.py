"""An instance's life as people see it: its phases, each with its own data, and the table of moves.

The scheduler needs only three states for its decisions: `core.live` has them.
"""

from dataclasses import dataclass
from typing import Literal, assert_never

from paddock.core.model import Cause


@dataclass(frozen=True, slots=True)
class Starting:
    """The process was started; the server neither answers nor reports anything yet."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """llama.cpp measures what fits where."""


@dataclass(frozen=True, slots=True)
class Loading:
    """Weights are on their way. `fraction` is None where nobody knows."""

    part: str = ""
    fraction: float | None = None


@dataclass(frozen=True, slots=True)
class Warming:
    """Weights are in; context, graphs and the warm-up run follow."""


@dataclass(frozen=True, slots=True)
class Ready:
    """It serves. Whether it is busy is the scheduler's knowledge: it holds the leases."""


@dataclass(frozen=True, slots=True)
class Stopping:
    why: str = ""


@dataclass(frozen=True, slots=True)
class Stopped:
    """Gone, as it was meant to be."""


@dataclass(frozen=True, slots=True)
class Failed:
    cause: Cause


FIRST_PART = "text_model"  # of the parts that llama-server names

Phase = Starting | Fitting | Loading | Warming | Ready | Stopping | Stopped | Failed

Name = Literal["starting", "fitting", "loading", "warming", "ready", "stopping", "failed"]
_NAMES: dict[type[Phase], Name] = {
    Starting: "starting",
    Fitting: "fitting",
    Loading: "loading",
    Warming: "warming",
    Ready: "ready",
    Stopping: "stopping",
    Stopped: "stopping",
    Failed: "failed",
}

_ENDS = (Stopping, Stopped, Failed)
# From each phase to those that may follow. A load may skip what an engine does not report,
# and may go back from warming to loading: the projector is loaded after the text model.
MOVES: dict[type[Phase], tuple[type[Phase], ...]] = {
    Starting: (Fitting, Loading, Warming, Ready, *_ENDS),
    Fitting: (Loading, Warming, Ready, *_ENDS),
    Loading: (Loading, Fitting, Warming, Ready, *_ENDS),
    Warming: (Loading, Fitting, Ready, *_ENDS),
    Ready: _ENDS,
    Stopping: (Stopped, Failed),
    Stopped: (),
    Failed: (),
}


def name(phase: Phase) -> Name:
    """As people read it."""
    return _NAMES[type(phase)]


def may_follow(old: Phase, new: Phase) -> bool:
    """Whether the table of moves has this one."""
    return type(new) in MOVES[type(old)]


def is_loading(phase: Phase) -> bool:
    """Whether it is alive and not yet ready."""
    match phase:
        case Starting() | Fitting() | Loading() | Warming():
            return True
        case Ready() | Stopping() | Stopped() | Failed():
            return False
        case _:
            assert_never(phase)
