"""The decision: of all homes of a model, the one where a request costs least."""

from dataclasses import replace
from math import inf

from paddock.cluster.policy.books import ClusterBooks
from paddock.cluster.policy.choice import HomeChoice, HomeOption, Wanted
from paddock.cluster.policy.weighing import HomeWeighing

_SHOWN = 2  # of the others, in the reason


def choose(wanted: Wanted, books: ClusterBooks, now: float) -> HomeChoice:
    """Where the request should go as of `now`. Changes nothing: `books.sent` notes what was done.

    The same for a preview, which says it and sends nothing.
    """
    decision = _Decision(wanted, books, now)
    return decision.made()


class _Decision:
    def __init__(self, wanted: Wanted, books: ClusterBooks, now: float) -> None:
        self._wanted, self._books, self._now = wanted, books, now
        self._weighing = HomeWeighing(wanted, books, now)
        live = self._weighing.live()
        self._live = [option for option in live if not option.is_asleep]
        self._dormant = [option for option in live if option.is_asleep]

    def made(self) -> HomeChoice:
        if not self._weighing.homes:
            return HomeChoice(None, self._nowhere())
        return self._among_live() if self._live else self._among_loads()

    # ---- it is loaded somewhere ----

    def _among_live(self) -> HomeChoice:
        """A live home, unless a load elsewhere is better for certain."""
        best = self._live[0]
        better = self._weighed(self._limit(best))
        if better:
            return self._choice([replace(better[-1], is_beside=True), *self._live, *better[:-1]])
        warm = self._further(best)
        return self._choice([*self._live, *([warm] if warm else [])], warm)

    def _limit(self, best: HomeOption) -> float:
        """What a load must cost less than: with a home to spare, than the queue; else than the best is for good.

        One that waits behind others is no reason to move the model, only for another home of it.
        """
        if self._is_settling():
            return -inf
        rules = self._books.rules
        cost = best.bill.total - (
            0.0 if self._has_spare_home() else best.bill.wait + best.bill.load
        )
        return (cost - rules.least) / (1.0 + rules.margin)

    def _further(self, best: HomeOption) -> HomeOption | None:
        """A home to be warmed: its load takes less than whoever comes next would wait."""
        if not self._has_spare_home() or self._is_settling():
            return None
        wait = min(option.bill.until_ready for option in self._live)
        loads = self._weighing.loads(below=wait)
        for option in reversed(list(self._weighing.cheapest(loads, below=inf))):
            if option.bill.load + option.bill.evict < wait:
                return replace(option, is_beside=True)
        return None

    def _has_spare_home(self) -> bool:
        return len(self._live) < self._weighing.replicas

    def _is_settling(self) -> bool:
        """Whether a further copy was loaded so lately that another would be to and fro."""
        at = self._books.spread_at.get(self._wanted.model)
        if at is None:
            return False
        return self._now - at < self._books.rules.tenure * self._weighing.least_loading

    # ---- it must be loaded ----

    def _among_loads(self) -> HomeChoice:
        """The cheapest load; a node is woken only where no other can have it."""
        weighed = self._weighed(inf)
        if not weighed:
            weighed = [*self._weighed(inf, asleep=True), *self._dormant[::-1]]
        if weighed:
            return self._choice(weighed[::-1])
        hopeless = self._weighing.hopeless()
        return self._choice([hopeless] if hopeless else [])

    def _weighed(self, limit: float, *, asleep: bool = False) -> list[HomeOption]:
        """Loads that cost less than this, each less than the one before it."""
        loads = self._weighing.loads(below=limit, asleep=asleep)
        return list(self._weighing.cheapest(loads, below=limit))

    # ---- in words ----

    def _choice(self, options: list[HomeOption], warm: HomeOption | None = None) -> HomeChoice:
        chosen, others = options[0], tuple(options[1:])
        words = [option.words for option in options[: 1 + _SHOWN]]
        return HomeChoice(chosen, "; ".join(words), others, warm)

    def _nowhere(self) -> str:
        wanted, books = self._wanted, self._books
        named = f"{wanted.model}@{wanted.node}" if wanted.node else wanted.model
        away = [n for n, facts in books.away.items() if wanted.model in facts.homes]
        away = [n for n in away if wanted.node in (None, n)]
        if away:
            verbs = "has it, and does" if len(away) == 1 else "have it, and do"
            return f"{named}: {' and '.join(away)} {verbs} not answer"
        if wanted.without:
            return f"{named}: no other node has it than {' and '.join(sorted(wanted.without))}"
        return f"no node has {named}"
