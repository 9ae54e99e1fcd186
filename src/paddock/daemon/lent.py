"""Models that lie on other machines too (`rpc-nodes`): what follows when one of these comes or goes."""

from paddock.config.lenders import lacking, lenders_file
from paddock.config.settings import Paths
from paddock.core.scheduler import Scheduler
from paddock.daemon.configuration import Configuration
from paddock.daemon.orders import Orders
from paddock.daemon.profiles.roster import Roster
from paddock.daemon.profiles.watch import written


class LentDevices:
    """Follows the file that says which machines lend."""

    def __init__(
        self,
        paths: Paths,
        roster: Roster,
        scheduler: Scheduler,
        configuration: Configuration,
        orders: Orders,
    ) -> None:
        self._file = lenders_file(paths.state_dir)
        self._roster, self._scheduler = roster, scheduler
        self._configuration, self._orders = configuration, orders

    async def run(self) -> None:
        """For ever."""
        async for _ in written(self._file):
            await self._configuration.reload_quietly()
            self.end_those_that_lack_one()

    def end_those_that_lack_one(self) -> None:
        """A llama-server waits for a machine that is gone as long as its kernel does, a quarter of an hour, and everybody with it."""
        for live in list(self._scheduler.live.values()):
            profile = self._roster.stable.find(live.profile)
            if profile and lacking(profile, self._roster.lenders):
                self._orders.unload(live.profile, now=True)
