"""What an instance is started with: its command line, its files, its record."""

from paddock.api.placement import LoadMode
from paddock.config.describe import size_mib
from paddock.config.lenders import lacking
from paddock.config.profile import Profile
from paddock.config.settings import Settings
from paddock.core.model import InstanceId
from paddock.core.upcoming import Upcoming
from paddock.daemon.activity.requests import Requests
from paddock.daemon.clock import timestamp
from paddock.daemon.instances.contexts import Contexts, context_kind
from paddock.daemon.instances.records import Record, Records
from paddock.daemon.memory.load_modes import LoadModes
from paddock.daemon.memory.replays import Replays
from paddock.daemon.profiles.roster import Roster
from paddock.engine.engine import Engine
from paddock.engine.launch import command
from paddock.errors import EngineError
from paddock.llama.gate import Gate
from paddock.llama.signs import new_mark
from paddock.placement import warm_up
from paddock.placement.load_modes import FLAG
from paddock.placement.replayable import Replay


class Starter:
    """Prepares starts; the supervisor begins them."""

    def __init__(
        self,
        settings: Settings,
        records: Records,
        roster: Roster,
        contexts: Contexts,
        replays: Replays,
        load_modes: LoadModes,
        requests: Requests,
    ) -> None:
        self._settings, self._records, self._roster = settings, records, roster
        self._contexts, self._replays = contexts, replays
        self._load_modes, self._requests = load_modes, requests

    async def mode(self, profile: Profile) -> LoadMode | None:
        """The load mode that is chosen for a load that begins now; None: its profile's.

        Raises the PaddockError of its engine.
        """
        return await self._load_modes.of(profile, self._roster.engine(profile))

    def prepare(self, instance: InstanceId, profile: Profile, mode: LoadMode | None) -> Record:
        """Have all of a new instance there; `mode`: the load mode chosen for it.

        Raises OSError, or the PaddockError of its engine.
        """
        replay = self._replays.of(profile, self._roster.engine(profile), instance)
        record = self._record(instance, profile, replay, mode)
        self._records.begin(record)
        return record

    def replay(self, upcoming: Upcoming, profile: Profile) -> Replay | None:
        """What it would be given of its plan when those who leave for it are gone."""
        engine = self._roster.engine(profile)
        return self._replays.of(profile, engine, upcoming.instance, leavers=upcoming.leavers)

    def prepare_early(
        self, upcoming: Upcoming, profile: Profile, replay: Replay | None, mode: LoadMode | None
    ) -> tuple[Record, Gate]:
        """The same before its turn, behind a gate. Raises OSError, or the PaddockError of its engine."""
        record = self._record(upcoming.instance, profile, replay, mode)
        gate = Gate(self._records.plumbing(record.number).folder / "files")
        record.is_early, record.argv = True, gate.close(record.argv)
        self._records.begin(record)
        return record, gate

    def again(self, short: Record, profile: Profile, *, searches: bool, difference: str) -> Record:
        """The same instance once more. `searches`: its plan did not hold.

        Then it is dropped; where its flags gave another placement (`difference`), it loses only these.

        Raises OSError, or the PaddockError of its engine.
        """
        if searches and difference:
            self._replays.disprove(profile, self._roster.engine(profile), difference)
        elif searches:
            self._replays.drop(profile, self._roster.engine(profile))
        replay = None if searches else short.replay
        record = self._record(InstanceId(short.instance), profile, replay, short.load_mode)
        self._records.begin_again(record)
        return record

    def _record(
        self,
        instance: InstanceId,
        profile: Profile,
        replay: Replay | None,
        mode: LoadMode | None,
    ) -> Record:
        engine = self._roster.engine(profile)
        if names := ", ".join(lacking(profile, self._roster.lenders)):
            raise EngineError(f"{profile.id} lies on {names} too (rpc-nodes), which lends nothing here now")  # fmt: skip
        number = int(instance.rsplit(".", 1)[1])
        socket = str(self._records.socket(number))
        contexts = self._contexts.prepared(profile, engine.version)
        given = [FLAG, mode.mode] if mode else []
        given += replay.flags if replay else []
        given += [warm_up.LEFT_OUT] if self._goes_without_warm_up(profile, engine) else []
        return Record(
            instance=instance,
            number=number,
            profile=profile.id,
            fingerprint=profile.fingerprint,
            recipe=profile.recipe,
            argv=command(engine, profile, socket=socket, contexts=contexts, given=given),
            mark=new_mark(),
            engine=engine.name,
            engine_version=engine.version,
            socket=socket,
            replay=replay,
            load_mode=mode,
            contexts=str(contexts or ""),
            context_kind=context_kind(profile, engine.version) if contexts else "",
            size_mib=size_mib(profile),
            created=timestamp(),
            stop_timeout=profile.stop_timeout or self._settings.stop_timeout,
        )

    def _goes_without_warm_up(self, profile: Profile, engine: Engine) -> bool:
        """A load that nobody waits for is warmed up, as llama-server does by itself."""
        if not self._requests.is_waited_for(profile.id):
            return False
        return warm_up.may_be_left_out(profile, engine.flags, dict(engine.env))
