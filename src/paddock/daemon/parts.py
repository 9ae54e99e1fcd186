"""The parts of the daemon as its reports read them.

Reports take `Parts` and change nothing. What changes state gets its collaborators one by one, so that
its constructor says what it depends on.
"""

from dataclasses import dataclass
from typing import Literal

from paddock.api.activity import Totals
from paddock.config.settings import Paths
from paddock.core.scheduler import Scheduler
from paddock.daemon.activity.pull_book import PullBook
from paddock.daemon.activity.requests import Requests
from paddock.daemon.activity.switches import Switches
from paddock.daemon.activity.tuning_book import TuningBook
from paddock.daemon.activity.usage import Usage
from paddock.daemon.clock import Clock
from paddock.daemon.faults import Faults
from paddock.daemon.history.chronicle import Chronicle
from paddock.daemon.instances.contexts import Contexts
from paddock.daemon.instances.registry import Registry
from paddock.daemon.memory.ledger import Ledger
from paddock.daemon.memory.plans import ProfilePlans
from paddock.daemon.profiles.flaws import Flaws
from paddock.daemon.profiles.model_files import ModelFiles
from paddock.daemon.profiles.roster import Roster
from paddock.daemon.yield_state import YieldState


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that a report may read."""

    paths: Paths
    listen: tuple[str, ...]  # `host:port` of each socket
    started_at: str  # ISO 8601
    clock: Clock
    faults: Faults
    scheduler: Scheduler
    registry: Registry
    roster: Roster
    files: ModelFiles
    flaws: Flaws
    ledger: Ledger
    plans: ProfilePlans
    chronicle: Chronicle
    requests: Requests
    totals: Totals
    switches: Switches
    usage: Usage
    yield_state: YieldState
    on_yield: Literal["wait", "refuse"]
    contexts: Contexts
    pull_book: PullBook
    tuning_book: TuningBook
