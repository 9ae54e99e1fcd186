"""What an instance is started with: its command line, its files, its record."""

from paddock.api.placement import LoadMode
from paddock.config.describe import size_mib
from paddock.config.profile import Profile
from paddock.config.settings import Settings
from paddock.core.model import InstanceId
from paddock.daemon.clock import timestamp
from paddock.daemon.instances.contexts import Contexts, context_kind
from paddock.daemon.instances.records import Record, Records
from paddock.daemon.memory.replays import Replays
from paddock.daemon.profiles.roster import Roster
from paddock.engine.launch import command
from paddock.llama.signs import new_mark
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
    ) -> None:
        self._settings, self._records, self._roster = settings, records, roster
        self._contexts, self._replays = contexts, replays

    def prepare(self, instance: InstanceId, profile: Profile, mode: LoadMode | None) -> Record:
        """Have all of a new instance there; `mode`: the load mode chosen for it.

        Raises OSError, or the PaddockError of its engine.
        """
        replay = self._replays.of(profile, self._roster.engine(profile), instance)
        record = self._record(instance, profile, replay, mode)
        self._records.begin(record)
        return record

    def again_with_fit(self, short: Record, profile: Profile) -> Record:
        """The same instance once more, after its plan did not hold: the plan is dropped.

        Raises OSError, or the PaddockError of its engine.
        """
        self._replays.drop(profile, self._roster.engine(profile))
        record = self._record(InstanceId(short.instance), profile, None, short.load_mode)
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
        number = int(instance.rsplit(".", 1)[1])
        socket = str(self._records.socket(number))
        contexts = self._contexts.prepared(profile, engine.version)
        given = [FLAG, mode.mode] if mode else []
        given += replay.flags if replay else []
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
