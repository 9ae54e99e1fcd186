"""What a request would cost at each home of its model: the terms of the bills."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import fmean

from paddock.cluster.policy.books import ClusterBooks
from paddock.cluster.policy.choice import Bill, HomeOption, Wanted
from paddock.cluster.policy.facts import ModelCopy, ModelHome, ModelName, NodeFacts
from paddock.core.eviction import Resident, leavers
from paddock.core.model import Demand, InstanceId
from paddock.core.room import fits, shares_device


@dataclass(frozen=True, slots=True)
class _Load:
    """A load that may be weighed to its end: what it costs at least, before anybody leaves for it."""

    facts: NodeFacts
    home: ModelHome
    bill: Bill


class HomeWeighing:
    """One request on the scales. `homes` are those that it may go to, by the nodes' names."""

    def __init__(self, wanted: Wanted, books: ClusterBooks, now: float) -> None:
        self._wanted, self._books, self._now = wanted, books, now
        self._standing: dict[str, Mapping[ModelName, ModelCopy]] = {}
        self._seen: dict[str, HomeOption | None] = {}  # loads that were weighed to the end
        found = [(f, f.homes[wanted.model]) for f in self._nodes() if wanted.model in f.homes]
        large = [(f, home) for f, home in found if not 0 < home.context < wanted.prompt_tokens]
        self.homes = large or found
        rules = books.rules
        self._prompt_speed = _mean((h.prompt_speed for _, h in found), rules.prompt_speed)
        self._speed = _mean((h.generation_speed for _, h in found), rules.generation_speed)

    @property
    def least_loading(self) -> float:
        """Seconds that the quickest of its loads takes."""
        return min((home.loading for _, home in self.homes), default=0.0)

    @property
    def replicas(self) -> int:
        return max((home.replicas for _, home in self.homes), default=1)

    def _nodes(self) -> Iterable[NodeFacts]:
        wanted, nodes = self._wanted, self._books.nodes
        names = nodes if wanted.node is None else [n for n in [wanted.node] if n in nodes]
        return (nodes[name] for name in names if name not in wanted.without)

    # ---- live copies ----

    def live(self) -> list[HomeOption]:
        """What the homes cost that have the model loaded, or are loading it; the cheapest first."""
        options = [
            self._live(facts, home, copy)
            for facts, home in self.homes
            if (copy := self._copies(facts).get(self._wanted.model)) is not None
        ]
        return sorted(options, key=lambda option: (option.bill.total, option.node))

    def _live(self, facts: NodeFacts, home: ModelHome, copy: ModelCopy) -> HomeOption:
        bill = self._bill(facts, home, self._ready_in(facts, home, copy))
        behind, wait = self._work(facts, self._wanted.model, home, copy)
        read = self._books.tokens_read(self._wanted, facts.name)
        return HomeOption(
            facts.name,
            replace(bill, wait=wait),
            "ready" if copy.state == "ready" else "coming",
            is_asleep=facts.asleep,
            behind=behind,
            read=read,
        )

    def _ready_in(self, facts: NodeFacts, home: ModelHome, copy: ModelCopy) -> float:
        if copy.state == "ready":
            return 0.0
        known = home.loading if copy.ready_in is None else copy.ready_in
        return max(known - (self._now - facts.read_at), 0.0)

    # ---- loads ----

    def loads(self, *, below: float, asleep: bool = False) -> list[_Load]:
        """The homes where its load takes less than that, the one first that costs least if nobody leaves."""
        model = self._wanted.model
        found = [
            _Load(facts, home, self._bill(facts, home, home.loading))
            for facts, home in self.homes
            if home.loading < below and facts.asleep == asleep and not home.trouble
            if model not in self._copies(facts)
        ]
        return sorted(found, key=lambda load: (load.bill.total, load.facts.name))

    def cheapest(self, loads: Iterable[_Load], *, below: float) -> Iterator[HomeOption]:
        """Of these loads, those that were weighed: each costs less than `below` and than all before it."""
        for load in loads:
            if load.bill.total >= below:
                return  # so do all that follow
            name = load.facts.name
            if name not in self._seen:
                self._seen[name] = self._weighed(load)
            option = self._seen[name]
            if option is not None and option.bill.total < below:
                below = option.bill.total
                yield option

    def hopeless(self) -> HomeOption | None:
        """A home to be asked where no other can be: its daemon says best why it cannot."""
        ranked = sorted(self.homes, key=lambda found: (bool(found[1].trouble), found[0].name))
        for facts, home in ranked:
            trouble = home.trouble or "by its plan it has no room beside what is pinned"
            bill = self._bill(facts, home, home.loading)
            return HomeOption(facts.name, bill, "absent", is_asleep=facts.asleep, trouble=trouble)
        return None

    def _weighed(self, load: _Load) -> HomeOption | None:
        """With what must leave for it; None where that would not suffice."""
        facts, home = load.facts, load.home
        copies = self._copies(facts)
        need = home.need(facts.room)
        leaving = self._leavers(facts, need, copies)
        if leaving is None:
            return None
        first = max(self._loads_before(facts, need, copies), self._drain(facts, leaving, copies))
        evict = sum(self._loss(facts, model, copies[model]) for model in leaving)
        bill = replace(load.bill, load=load.bill.load + first, evict=evict)
        return HomeOption(
            facts.name,
            bill,
            "absent",
            is_asleep=facts.asleep,
            demand=need,
            leavers=leaving,
            cached=home.cached,
            read=self._books.tokens_read(self._wanted, facts.name),
        )

    def _leavers(
        self, facts: NodeFacts, need: Demand, copies: Mapping[ModelName, ModelCopy]
    ) -> tuple[ModelName, ...] | None:
        """Who the daemon there would have leave: by its own rule, with what is known here."""
        if fits(need, [copy.demand for copy in copies.values()], facts.room):
            return ()
        pinned = [m for m in copies if (home := facts.homes.get(m)) is not None and home.pin]
        staying = [copies[model].demand for model in pinned]
        residents = [self._resident(facts, m, c) for m, c in copies.items() if m not in pinned]
        found = leavers(need, residents, staying, facts.room)
        return None if found is None else tuple(ModelName(str(r.instance)) for r in found)

    def _resident(self, facts: NodeFacts, model: ModelName, copy: ModelCopy) -> Resident:
        home = facts.homes.get(model)
        return Resident(
            InstanceId(model),
            copy.demand,
            busy=self._is_busy(facts, model, copy),
            outdated=home is None,
            priority=home.priority if home else 0,
            kept=False,
            cost=home.loading if home else 0.0,
            last_used=self._last_used(facts, model, copy),
        )

    def _is_busy(self, facts: NodeFacts, model: ModelName, copy: ModelCopy) -> bool:
        has_requests = copy.strangers or self._books.work(facts.name, model)
        return bool(has_requests) or copy.state == "coming"

    def _last_used(self, facts: NodeFacts, model: ModelName, copy: ModelCopy) -> float:
        newest = self._books.newest_context(facts.name, model)
        return max(copy.last_used, newest.at) if newest else copy.last_used

    def _loads_before(
        self, facts: NodeFacts, need: Demand, copies: Mapping[ModelName, ModelCopy]
    ) -> float:
        """Seconds until the loads have ended that share a device with it: they come one at a time."""
        return max(
            (
                self._ready_in(facts, facts.homes.get(model, ModelHome()), copy)
                for model, copy in copies.items()
                if copy.state == "coming" and shares_device(need, copy.demand, facts.room)
            ),
            default=0.0,
        )

    def _drain(
        self,
        facts: NodeFacts,
        leaving: Iterable[ModelName],
        copies: Mapping[ModelName, ModelCopy],
    ) -> float:
        """Seconds until those who leave have finished what they were asked."""
        return max((self._finished_in(facts, m, copies[m]) for m in leaving), default=0.0)

    def _finished_in(self, facts: NodeFacts, model: ModelName, copy: ModelCopy) -> float:
        home = facts.homes.get(model, ModelHome())
        return self._ready_in(facts, home, copy) + self._work(facts, model, home, copy)[1]

    def _loss(self, facts: NodeFacts, model: ModelName, copy: ModelCopy) -> float:
        """Seconds to be expected for bringing back one that leaves, and for reading again what it had read."""
        home = facts.homes.get(model)
        if home is None:
            return 0.0
        idle = max(self._now - self._last_used(facts, model, copy), 0.0)
        horizon = self._books.rules.horizon
        seconds = 0.0 if self._has_another(facts, model, home) else home.loading
        context = self._books.newest_context(facts.name, model)
        if context is not None and not home.keeps_context:
            seconds += context.tokens / self._prompt_speed_of(home)
        return seconds * horizon / (horizon + idle)

    def _has_another(self, facts: NodeFacts, model: ModelName, home: ModelHome) -> bool:
        """Whether it is ready on another node, and about as fast there."""
        least = _ABOUT * self._speed_of(home)
        for name in self._books.ready_on(model):
            there = self._books.nodes[name].homes.get(model)
            if name != facts.name and there is not None and self._speed_of(there) >= least:
                return True
        return False

    # ---- the terms that both have ----

    def _bill(self, facts: NodeFacts, home: ModelHome, load: float) -> Bill:
        wanted = self._wanted
        fresh = wanted.prompt_tokens - self._books.tokens_read(wanted, facts.name)
        return Bill(
            wake=facts.wake_seconds if facts.asleep else 0.0,
            load=load,
            read=fresh / self._prompt_speed_of(home),
            answer=wanted.answer_tokens / self._speed_of(home),
            way=facts.slack,
        )

    def _work(
        self, facts: NodeFacts, model: ModelName, home: ModelHome, copy: ModelCopy
    ) -> tuple[int, float]:
        """What is to be done before a new request there: tokens, and seconds at the speeds measured there."""
        prompt_speed, speed = self._prompt_speed_of(home), self._speed_of(home)
        prompts, answers = self._books.work(facts.name, model).left(self._now, speed)
        answers += copy.strangers * self._books.rules.stranger_tokens
        seconds = (prompts / prompt_speed + answers / speed) / max(home.slots, 1)
        return round(prompts + answers), seconds

    def _copies(self, facts: NodeFacts) -> Mapping[ModelName, ModelCopy]:
        known = self._standing.get(facts.name)
        if known is None:
            known = self._standing[facts.name] = self._books.standing(facts, self._now)
        return known

    def _prompt_speed_of(self, home: ModelHome) -> float:
        return home.prompt_speed or self._prompt_speed

    def _speed_of(self, home: ModelHome) -> float:
        return home.generation_speed or self._speed


_ABOUT = 0.7  # of a speed: as good, for those who would have to load instead


def _mean(measured: Iterable[float | None], otherwise: float) -> float:
    known = [value for value in measured if value]
    return fmean(known) if known else otherwise
