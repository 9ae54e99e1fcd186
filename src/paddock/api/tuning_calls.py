"""The calls about tuning, of the API's client."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

from paddock.api.bench import KeptRun
from paddock.api.calls import Calls, decoded
from paddock.api.connection import HangUp, pieces
from paddock.api.sse import SseMessage, SseParser
from paddock.api.tunings import (
    Changes,
    Goal,
    StudyBegun,
    StudyNews,
    StudyRequest,
    TrialProfile,
    TrialRequest,
    Tuning,
    TuningList,
    TuningNow,
)
from paddock.api.types import ModelResult, ProfileInfo
from paddock.errors import UpstreamGone

_SILENCE = 45.0  # seconds: the daemon gives a sign of life each second


class TuningCalls(Calls):
    """Studies: those that are kept, and one that runs."""

    @contextmanager
    def study(
        self, profile: str, goal: Goal, *, line: HangUp | None = None
    ) -> Iterator[tuple[StudyBegun, Iterator[bytes]]]:
        """A study for the length of the block, and its signs of life, which somebody must read.

        TuningRuns where one runs already.
        """
        body = StudyRequest(profile=profile, goal=goal)
        with self.connection.exchange(
            "POST", "/tune", body, accept="text/event-stream", silence=_SILENCE, line=line
        ) as response:
            beats = pieces(response)
            yield _begun(beats), beats

    def try_with(self, study: str, changes: Changes) -> ProfileInfo:
        """The profile of the study with other flags, under a name that `switch` takes.

        ConfigError where its engine would not take them.
        """
        body = TrialRequest(study=study, changes=changes)
        return self._call("POST", "/tune/trial", TrialProfile, body, patient=True).profile

    def tuning_news(self, study: str, now: TuningNow) -> None:
        """Have it published."""
        self._call("POST", "/tune/news", ModelResult, StudyNews(study=study, now=now))

    def tunings(self, profile: str | None = None, limit: int | None = None) -> TuningList:
        """The studies that are kept, the newest first, and the one that runs."""
        query = {"model": profile, "limit": limit}
        said = urlencode({key: value for key, value in query.items() if value is not None})
        return self._call("GET", f"/tunings?{said}" if said else "/tunings", TuningList)

    def tuning(self, number: int) -> Tuning:
        """One study in full. NoSuchThing where there is none of this number."""
        return self._call("GET", f"/tunings/{number}", Tuning)

    def keep_tuning(self, tuning: Tuning) -> int:
        """Keep a study; one that has a number replaces itself. Its number, 0 where it is not kept."""
        return self._call("POST", "/tunings", KeptRun, tuning).id


def _begun(beats: Iterator[bytes]) -> StudyBegun:
    parser = SseParser()
    for piece in beats:
        for found in parser.feed(piece):
            if isinstance(found, SseMessage):
                return decoded(found.data.encode(), StudyBegun, "/tune")
    raise UpstreamGone("the daemon ended the study before it began")
